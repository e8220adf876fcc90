// From flags to the options and payload of a task.
#pragma once

#include "client/cli/command.h"

namespace hirehall::cli {

// TEXT, @FILE or -; invalid when it should be JSON and is not.
client::Result<std::string> read_payload(const std::string& given, bool json);
client::Result<std::string> payload_of(const OptionValues& values);
// NAME=VALUE of --feature.
client::Result<client::Features> features_of(const OptionValues& values);
client::Result<client::TaskOptions> options_of(const OptionValues& values, std::int64_t now_ms);

}  // namespace hirehall::cli
