// What an agent asks for its work where its work is auctioned (docs/scheduler.md): a function that the broker
// evaluates, registered with the agent.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "common/error.h"
#include "common/msgpack.h"

namespace hirehall::worker {

struct PriceOffer {                                       // in cost units
  double base = 0;                                        // for a task, idle
  double load_slope = 0;                                  // added in full when all slots are taken
  double cap = 1e6;                                       // it never asks for more
  std::map<std::string, double, std::less<>> types = {};  // multiplier by task type; others: 1
};

// One field from its text: base, load_slope or cap. Errors say what is accepted.
Status set_price(PriceOffer& price, std::string_view field, std::string_view text);
Status set_multiplier(PriceOffer& price, std::string_view type, std::string_view text);
// "0.5" (the base) or "base=0.5,load_slope=0.2,cap=3".
Result<PriceOffer> parse_price(std::string_view text);
void write_price(msgpack::Writer& w, const PriceOffer& price);  // as the value of `price`

}  // namespace hirehall::worker
