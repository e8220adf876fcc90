// A snapshot of the ledger: what is damaged is refused before it makes a ledger that cannot be walked, and
// what is accepted can be saved and loaded again.
#include "broker/engine/ledger.h"
#include "tests/fuzz/fuzzing.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hirehall::engine;
  Ledger ledger;
  if (!ledger.load(hirehall::fuzz::view_of(data, size))) return 0;
  ++hirehall::fuzz::accepted;
  std::string saved;
  ledger.save(saved);
  Ledger again;
  auto loaded = again.load(saved);
  HH_CHECK(loaded, loaded ? "" : hirehall::describe(loaded.error()).c_str());
  std::string twice;
  again.save(twice);
  HH_CHECK(twice == saved, "what was saved is what is loaded");
  return 0;
}
