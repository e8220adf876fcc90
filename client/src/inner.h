// What a Client is inside.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "client/src/runtime.h"
#include "hirehall/client.h"

namespace hirehall::client {

struct Client::Inner {
  Options options;
  std::unique_ptr<client_core::Runtime> runtime;

  Result<std::string> call(wire::Kind kind, std::string body);
  Result<std::string> call_for(wire::Kind kind, std::string body, Millis timeout_ms);
};

}  // namespace hirehall::client
