// Short digests that tell contents apart (BLAKE2b, 16 bytes).
#pragma once

#include <string>
#include <string_view>

namespace hirehall {

// Of two parts; ("ab", "c") and ("a", "bc") differ.
std::string digest_of(std::string_view first, std::string_view second);

}  // namespace hirehall
