// A snapshot of the ledger: what is damaged is refused before it makes a ledger that cannot be walked.
#include "broker/engine/ledger.h"
#include "tests/fuzz/fuzzing.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hirehall::engine;
  Ledger ledger;
  if (!ledger.load(hirehall::fuzz::view_of(data, size))) return 0;
  std::string saved;
  ledger.save(saved);
  HH_CHECK(saved.size() > 1, "a ledger has a form");
  return 0;
}
