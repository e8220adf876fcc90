// The principals file: who may do what. What is accepted has names and roles of the known ones only.
#include "broker/server/principals.h"

#include "tests/fuzz/fuzzing.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(hirehall::fuzz::view_of(data, size));
  const auto principals = hirehall::server::Principals::parse(text, "principals.yaml");
  if (!principals) {
    HH_CHECK(!principals.error().message.empty(), "a refusal says why");
    return 0;
  }
  ++hirehall::fuzz::accepted;
  HH_CHECK(principals->size() >= 1, "local is always there");
  HH_CHECK(principals->by_key(hirehall::server::PublicKey{}) == nullptr, "no key is nobody");
  return 0;
}
