// The price function of an agent, as it comes with a registration.
#pragma once

#include <memory>
#include <string_view>

#include "common/error.h"
#include "common/msgpack.h"
#include "scheduler/prices.h"

namespace hirehall::server {

// Nothing for nil, and when the message cannot be decoded, which the reader knows. Errors name whose price it
// is.
Result<std::shared_ptr<const scheduler::PriceFunction>> read_price(msgpack::Reader& r,
                                                                   std::string_view whose);

}  // namespace hirehall::server
