#include "tests/images/judge.h"

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <random>

#include "broker/server/recovery.h"
#include "broker/store/side_records.h"
#include "common/check.h"

namespace hirehall::images {

namespace {

using store::Family;

// Every record that may not have been dropped; an error of the store where a block cannot be read.
Result<std::uint64_t> sum_of_records(const store::View& view, const State& state) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < store::family_count; ++i) {
    const auto family = static_cast<Family>(i);
    const std::string from = family == Family::bodies  ? state.bodies_from
                             : family == Family::facts ? state.facts_from
                                                       : "";
    const auto scanned = view.scan(family, from, {}, [&](std::string_view key, std::string_view value) {
      if (family != Family::meta || (key != store::commit_key && key != store::identity_key))
        sum += hash_of_record(family, key, value);
      return true;
    });
    if (!scanned) return tl::unexpected(scanned.error());
  }
  return sum;
}

// Nothing is wrong, an error: refused; else what is wrong.
Result<std::string> compare(const store::Store& store, const Reference& reference) {
  const std::uint64_t commit = store.last_commit();
  if (commit >= reference.states.size()) return "commit " + std::to_string(commit) + " was never begun";
  const State& state = reference.states[commit];
  const auto sum = sum_of_records(*store.view(), state);
  if (!sum) return tl::unexpected(sum.error());
  const auto recovered = server::recover(store, reference.settings, [](const std::string&) {});
  if (!recovered) return tl::unexpected(recovered.error());
  if (*sum != state.records) return "the records are not those of commit " + std::to_string(commit);
  if (hash_of_ledger(*recovered->engine) != state.ledger)
    return "the ledger is not that of commit " + std::to_string(commit);
  return std::string();
}

}  // namespace

store::RocksdbOptions options_at(const std::string& directory, rocksdb::Env* env) {
  store::RocksdbOptions options;
  options.path = directory;
  options.memory = store::MemoryProfile::tiny;
  options.space.reserve_bytes = 0;
  options.space.free_bytes_min = 0;
  options.space.free_percent_min = 0;
  options.env = env;
  return options;
}

Verdict judge(const std::string& directory, const Reference& reference, rocksdb::Env* env, bool go_on) {
  Verdict verdict;
  auto store = store::open_rocksdb(options_at(directory, env));
  if (!store) {
    verdict.refusal = store.error();
    return verdict;
  }
  verdict.commit = (*store)->last_commit();
  auto wrong = compare(**store, reference);
  if (!wrong) {
    verdict.refusal = wrong.error();
    return verdict;
  }
  verdict.opened = true;
  verdict.wrong = std::move(*wrong);
  if (!go_on || !verdict.wrong.empty()) return verdict;
  const auto more = (*store)->commit({verdict.commit + 1, {}});
  store->reset();
  if (!more) verdict.wrong = "it opened and took no commit: " + describe(more.error());
  auto again = store::open_rocksdb(options_at(directory, env));
  if (!again)
    verdict.wrong = "it opened once only: " + describe(again.error());
  else if ((*again)->last_commit() != verdict.commit + 1)
    verdict.wrong = "the commit after recovery is gone";
  return verdict;
}

void set_watermark(Image& image, std::uint64_t commit) {
  auto& file = image.files.at("watermark");
  const auto old = store::decode_mark(std::string_view(*file).substr(0, store::mark_bytes));
  const auto other = store::decode_mark(std::string_view(*file).substr(4096, store::mark_bytes));
  HH_CHECK(old || other, "the image has a watermark");
  std::string bytes(8192, '\0');
  bytes.replace(0, store::mark_bytes,
                store::encode(store::Mark{old ? old->store_tag : other->store_tag, commit}));
  file = std::make_shared<std::string>(std::move(bytes));
}

std::string place_for_images() {
  const char* memory = "/dev/shm";
  return std::filesystem::is_directory(memory) ? memory : std::string();
}

std::uint64_t seed_of_run() {
  const char* given = std::getenv("HIREHALL_SEED");
  const std::uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}() % 1'000'000;
  std::cout << "HIREHALL_SEED=" << seed << std::endl;
  return seed;
}

bool everything() {
  const char* given = std::getenv("HIREHALL_EVERYTHING");
  return given != nullptr && std::string_view(given) == "1";
}

std::string keep_for_study(const Image& image, const std::string& name) {
  const std::string path = std::string(HIREHALL_BUILD_DIR) + "/crash_images/" + name;
  std::filesystem::remove_all(path);
  image.write_to(path);
  return path;
}

}  // namespace hirehall::images
