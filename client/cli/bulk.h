// Deeds on all tasks that match --where: the broker does them, this shows how far it is.
#pragma once

#include <functional>

#include "client/cli/command.h"
#include "client/src/body.h"

namespace hirehall::cli {

struct BulkDeed {
  std::string_view verb;  // of the wire: cancel, move, retry, purge
  std::string_view done;  // "cancelled"
  bool dead = false;      // of dead letters
};

// Counts what matches; without --yes that was all. Otherwise starts the work and follows it to its end,
// unless
// --background. `more` adds what the verb takes beside where, reason and rate.
int in_bulk(Context& c, const BulkDeed& deed, const std::string& where,
            const std::function<void(client::Body&)>& more);
void declare_bulk(OptionTable& t);  // --where, --rate, --background, --yes

// --where of a list as the broker takes it. An error points at its place.
client::Result<std::string> where_of(const Context& c);
int complain_of_where(Context& c, const client::Error& error);

}  // namespace hirehall::cli
