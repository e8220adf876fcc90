// Planted bugs: the checkers must find each of them (docs/testing.md). HH_MUTANT(NAME) is the constant false
// in every build but the one made to be caught, where it is true when the bug of that name was chosen.
#pragma once

#include <string_view>

namespace hirehall::mutant {

void plant(std::string_view name);  // one at a time; empty: none. Before anything else runs.
bool planted(std::string_view name);

}  // namespace hirehall::mutant

#ifdef HIREHALL_MUTANTS
#define HH_MUTANT(name) (::hirehall::mutant::planted(name))
#else
#define HH_MUTANT(name) false
#endif
