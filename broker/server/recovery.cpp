#include "broker/server/recovery.h"

#include "broker/server/task_reading.h"
#include "common/pack.h"

namespace hirehall::server {
namespace {

constexpr std::uint64_t commits_between_reports = 2000;

Result<std::uint64_t> load_snapshot(const store::View& view, engine::Engine& engine) {
  auto head = view.get(store::Family::meta, "snapshot");
  if (!head) return tl::unexpected<Error>(head.error());
  if (!*head) return 0;
  Unpacker u(**head);
  auto version = u.u8();
  auto commit = u.uint();
  auto parts = u.uint();
  if (!u.finished() || version != 1)
    return fail(Code::corrupt, "the snapshot's record is of an unknown form");
  std::string saved;
  for (std::uint32_t i = 0; i < parts; ++i) {
    auto part = view.get(store::Family::meta, engine::snapshot_key(commit, i));
    if (!part) return tl::unexpected<Error>(part.error());
    if (!*part) return fail(Code::corrupt, "part " + std::to_string(i) + " of the snapshot is missing");
    saved += **part;
  }
  if (auto loaded = engine.load_snapshot(commit, saved); !loaded)
    return tl::unexpected<Error>(loaded.error());
  return commit;
}

}  // namespace

Result<Recovered> recover(const store::Store& store, engine::Engine::Settings settings,
                          const std::function<void(const std::string&)>& progress) {
  Recovered out;
  out.engine = std::make_unique<engine::Engine>(settings);
  auto view = store.view();
  auto snapshot = load_snapshot(*view, *out.engine);
  if (!snapshot) return tl::unexpected<Error>(snapshot.error());
  out.snapshot = *snapshot;
  BodyFinder finder(*view);
  auto last = out.snapshot;
  Status replayed;
  auto scanned =
      view->scan(store::Family::facts, store::number_key(out.snapshot + 1), {},
                 [&](std::string_view key, std::string_view part) {
                   auto commit = store::number_of(key);
                   if (commit != last && commit != last + 1) {
                     replayed = fail(Code::corrupt,
                                     "commit " + std::to_string(last + 1) + " is missing, " +
                                         std::to_string(commit) + " follows: restore a backup",
                                     "facts");
                     return false;
                   }
                   if (commit != last && ++out.replayed % commits_between_reports == 0)
                     progress("replayed " + std::to_string(out.replayed) + " commits, " +
                              std::to_string(out.engine->ledger().next_sequence - 1) + " tasks so far");
                   last = commit;
                   replayed = out.engine->replay(commit, part,
                                                 [&](Sequence sequence) { return finder.record(sequence); });
                   return replayed.has_value();
                 });
  if (!scanned) return tl::unexpected<Error>(scanned.error());
  if (!replayed) return tl::unexpected<Error>(replayed.error());
  if (last != store.last_commit())
    return fail(Code::corrupt,
                "the facts end at commit " + std::to_string(last) + ", the store says " +
                    std::to_string(store.last_commit()) + ": restore a backup",
                "facts");
  for (auto sequence : out.engine->leases_without_options()) {
    auto body = read_body(*view, finder, sequence);
    if (!body) return tl::unexpected<Error>(body.error());
    if (!*body) return tl::unexpected<Error>(missing_body(sequence));
    out.engine->load_options(**body);
  }
  return out;
}

}  // namespace hirehall::server
