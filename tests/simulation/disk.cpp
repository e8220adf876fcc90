#include "tests/simulation/disk.h"

#include "broker/engine/facts_inbox.h"
#include "broker/engine/lifecycle.h"
#include "common/check.h"
#include "common/pack.h"

namespace hirehall::sim {
namespace {

using engine::Event;

// What facts move, by cell of the table. The model does not use this: it only says what was tried.
class Moves {
 public:
  explicit Moves(Tally& tally) : tally_(tally) {}

  void look(std::string_view part) {
    Unpacker u(part);
    u.u8();
    u.sint();
    while (u.ok() && !u.at_end()) {
      auto kind = static_cast<engine::FactKind>(u.u8());
      auto body = u.bytes();
      if (u.ok()) look_at(kind, body);
    }
  }

 private:
  template <typename Fact, typename Use>
  void read(std::string_view body, Use&& use) {
    Fact fact;
    if (engine::read_fact(body, fact)) use(fact);
  }

  void look_at(engine::FactKind kind, std::string_view body) {
    switch (kind) {
      case engine::FactKind::awarded:
        return read<engine::Awarded>(body, [&](auto& fact) {
          for (const auto& run : fact.runs)
            for (std::size_t i = 0; i < run.items.size(); ++i) tally_.moved(State::ready, Event::award);
        });
      case engine::FactKind::became_due:
        return read<engine::BecameDue>(body, [&](auto& fact) {
          for (std::size_t i = 0; i < fact.items.size(); ++i) tally_.moved(State::scheduled, Event::due);
        });
      case engine::FactKind::decided:
        return read<engine::Decided>(body, [&](auto& fact) { decided(fact); });
      case engine::FactKind::dropped:
        return read<engine::Dropped>(body, [&](auto& fact) {
          if (fact.to == State::cancelled) {
            tally_.saw_if(fact.from == State::scheduled, Situation::cancel_scheduled);
            tally_.saw_if(fact.from == State::ready, Situation::cancel_ready);
            tally_.saw_if(fact.from == State::suspended, Situation::cancel_suspended);
          }
          tally_.moved(fact.from, fact.to == State::expired ? Event::expire : Event::cancel);
        });
      case engine::FactKind::ended:
        return read<engine::Ended>(body, [&](auto& fact) {
          for (const auto& item : fact.items) {
            tally_.moved(State::leased, event_of(item));
            tally_.saw_if(item.next == State::cancelled, Situation::cancel_leased);
          }
        });
      case engine::FactKind::superseded:
        return tally_.saw(Situation::unique_replaced);
      case engine::FactKind::coalesced:
        return tally_.saw(Situation::unique_coalesced);
      case engine::FactKind::spilled:
        return tally_.saw(Situation::window_spilled);
      case engine::FactKind::paged:
        return tally_.saw(Situation::window_paged);
      case engine::FactKind::reclaimed:
        return tally_.saw(Situation::retention_reclaimed);
      default:
        return;
    }
  }

  void decided(const engine::Decided& fact) {
    static constexpr std::array seen{Situation::answered_suspended, Situation::decided_approved,
                                     Situation::decided_rejected,   Situation::decided_edited,
                                     Situation::decided_defaulted,  Situation::decided_lapsed};
    tally_.saw(seen.at(static_cast<std::size_t>(fact.deed)));
    tally_.moved(State::suspended, fact.to == State::ready       ? Event::answer
                                   : fact.to == State::scheduled ? Event::snooze
                                   : fact.to == State::succeeded ? Event::succeed
                                   : fact.to == State::failed    ? Event::fail_final
                                                                 : Event::cancel);
  }

  static Event event_of(const engine::EndedItem& item) {
    switch (item.next) {
      case State::succeeded:
        return Event::succeed;
      case State::failed:
        return Event::fail_final;
      case State::scheduled:
        return item.outcome == Outcome::snoozed ? Event::snooze : Event::retry;
      case State::suspended:
        return Event::suspend;
      case State::cancelled:
        return Event::cancel;
      case State::expired:
        return Event::expire;
      default:
        return Event::give_back;
    }
  }

  Tally& tally_;
};

class WatchedStore final : public store::Store {
 public:
  WatchedStore(Scene& scene, std::shared_ptr<store::MemoryDisk> disk)
      : scene_(scene), disk_(std::move(disk)) {
    auto opened = store::open_memory(disk_);
    HH_CHECK(opened.has_value(), "one broker at a time has the disk");
    store_ = std::move(*opened);
  }

  const store::Identity& identity() const override { return store_->identity(); }
  std::uint64_t last_commit() const override { return store_->last_commit(); }

  Status commit(const store::CommitBatch& batch) override {
    if (!scene_.healing && scene_.chance.permille(scene_.weather.failed_commits)) {
      disk_->fail_commit(batch.number, {Code::io, "the disk of this world failed", {}, 0});
      scene_.saw(Situation::a_commit_failed);
    }
    auto done = store_->commit(batch);
    if (!done) return done;
    for (const auto& write : batch.writes) {
      if (write.family == store::Family::facts && !write.erase) Moves(scene_.tally).look(write.value);
      if (write.family == store::Family::meta && write.key == "snapshot")
        scene_.saw(Situation::snapshot_written);
    }
    return done;
  }

  std::unique_ptr<store::View> view() const override { return store_->view(); }
  Status drop_before(store::Family family, std::string_view end) override {
    return store_->drop_before(family, end);
  }
  std::optional<Error> failure() const override { return store_->failure(); }
  store::Space space() const override { return store_->space(); }
  bool admits_submits() const override { return store_->admits_submits(); }
  store::Counts counts() const override { return store_->counts(); }
  Result<std::unique_ptr<store::Frozen>> freeze() const override { return store_->freeze(); }

 private:
  Scene& scene_;
  std::shared_ptr<store::MemoryDisk> disk_;
  std::unique_ptr<store::Store> store_;
};

}  // namespace

std::unique_ptr<store::Store> watched_store(Scene& scene, std::shared_ptr<store::MemoryDisk> disk) {
  return std::make_unique<WatchedStore>(scene, std::move(disk));
}

}  // namespace hirehall::sim
