// A whole broker without sockets, threads or disk, and peers that send anything: each request is decoded,
// decided and committed as in the real one. An input is a list of messages: peer u8, kind u8, length u16,
// body. At the end what is stored gives the ledger that is live (I20), and its books balance.
#include "broker/server/broker.h"

#include <algorithm>
#include <cstring>
#include <deque>

#include "broker/server/recovery.h"
#include "broker/store/memory_store.h"
#include "common/log.h"
#include "tests/fuzz/fuzzing.h"
#include "tests/fuzz/messages.h"

namespace {

using namespace hirehall;
using hirehall::fuzz::Message;

class World final : public server::Surroundings {
 public:
  std::deque<std::pair<std::string, std::string>> coming;

  bool receive(Arrived& message) override {
    if (coming.empty()) return false;
    now_ = std::move(coming.front());
    coming.pop_front();
    message = {now_.first, now_.second, "local", true};
    return true;
  }
  bool send(const std::string&, const std::string& frame) override {
    HH_CHECK(wire::read_frame(frame).has_value(), "a broker sends frames");
    HH_CHECK(frame.size() <= limits::frame_bytes_max, "and none is too large");
    return true;
  }
  Status wait(Millis, const server::Wakeup& wakeup) override {
    wakeup.clear();
    return {};
  }
  std::int64_t monotonic_ms() override { return time_; }
  std::int64_t wall_ms() override { return 1'700'000'000'000 + time_; }
  std::string random(std::size_t bytes) override {
    std::string out(bytes, static_cast<char>(++drawn_));
    return out;
  }
  bool threads() const override { return false; }
  void pass(std::int64_t ms) { time_ += ms; }

 private:
  std::pair<std::string, std::string> now_;
  std::int64_t time_ = 1000;
  std::uint8_t drawn_ = 0;
};

std::string saved(const engine::Engine& engine) {
  std::string out;
  engine.ledger().save(out);
  return out;
}

class Hall {
 public:
  Hall() {
    auto opened = store::open_memory(disk_);
    HH_CHECK(opened.has_value(), "a new disk opens");
    store_ = std::move(*opened);
    engine_ = std::make_unique<engine::Engine>(settings_);
    server::EngineClock clock(0, world_.monotonic_ms(), world_.wall_ms());
    engine_->start(clock.now());
    server::BrokerParts parts;
    parts.store = store_.get();
    parts.engine = engine_.get();
    parts.principals = &book_;
    broker_ = std::make_unique<server::Broker>(parts, world_, clock);
  }

  void tell(const std::string& peer, wire::Kind kind, std::string_view body) {
    std::string frame;
    wire::write_header(frame, kind, ++request_);
    frame += body;
    world_.coming.emplace_back(peer, std::move(frame));
  }

  void settle(int turns) {
    for (int i = 0; i < turns; ++i) {
      broker_->turn(0);
      HH_CHECK(!broker_->failure(), "a broker survives its peers");
      broker_->committer().step();
      broker_->reader().step();
    }
  }

  void pass(std::int64_t ms) { world_.pass(ms); }

  void check() {
    for (int i = 0; i < 200 && (engine_->has_facts() || !broker_->committer().idle()); ++i) settle(1);
    const auto& books = engine_->ledger().books;
    std::uint64_t sum = books.removed;
    for (const auto n : books.tasks) sum += n;
    HH_CHECK(sum == books.accepted, "the books balance");
    fuzz::accepted += books.accepted != 0 ? 1 : 0;
    if (engine_->has_facts() || !broker_->committer().idle()) return;
    const auto recovered = server::recover(*store_, settings_, [](const std::string&) {});
    HH_CHECK(recovered.has_value(), "what a broker stored it can read");
    HH_CHECK(saved(*recovered->engine) == saved(*engine_), "and it is what was live");
  }

  const IdMaker ids{IdKey{}, 0, 1};

 private:
  static store::Identity identity() {
    store::Identity identity;
    identity.format = 1;
    return identity;
  }
  static engine::Engine::Settings settings() {
    engine::Engine::Settings settings;
    settings.window_bytes = 4000;
    settings.snapshot_bytes = 4000;
    return settings;
  }

  const engine::Engine::Settings settings_ = settings();
  std::shared_ptr<store::MemoryDisk> disk_ = std::make_shared<store::MemoryDisk>(identity());
  World world_;
  server::PrincipalBook book_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<server::Broker> broker_;
  std::uint64_t request_ = 0;
};

// Nobody guesses an id: sixteen bytes that begin with this stand for the task with the number that follows.
constexpr std::string_view id_mark = "\xff\xffID";

void put_ids(std::string& body, const IdMaker& ids) {
  for (auto at = body.find(id_mark); at != std::string::npos && at + 16 <= body.size();
       at = body.find(id_mark, at + 16))
    body.replace(at, 16, ids.make(static_cast<std::uint8_t>(body[at + 4])).raw());
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool quiet = [] {
    log::setup("fuzz", log::Level::error);
    return true;
  }();
  HH_CHECK(quiet, "warnings of each input would fill the disk");
  Hall hall;
  for (const Message& message : fuzz::messages_of(fuzz::view_of(data, size))) {
    if (message.kind == 0) {
      hall.pass(static_cast<std::int64_t>(message.body.size()) * 200);
      hall.settle(1);
      continue;
    }
    std::string body = message.body;
    put_ids(body, hall.ids);
    hall.tell(std::string(1, static_cast<char>('a' + message.peer % 4)),
              static_cast<wire::Kind>(message.kind), body);
    if (message.peer < 128) hall.settle(2);
  }
  hall.settle(4);
  hall.check();
  return 0;
}

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

// Half of the time a value in the body of one message, else messages as a whole, seldom plain bytes.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  fuzz::Dice dice(seed);
  auto messages = fuzz::messages_of(fuzz::view_of(data, size));
  if (messages.empty() || dice.below(16) == 0) return LLVMFuzzerMutate(data, size, max_size);
  const std::size_t at = dice.below(messages.size());
  const auto position = messages.begin() + static_cast<std::ptrdiff_t>(at);
  switch (dice.below(8)) {
    case 0:
      messages.insert(position, messages[dice.below(messages.size())]);
      break;
    case 1:
      messages.erase(position);
      break;
    case 2:
      messages[at].kind =
          static_cast<std::uint8_t>(dice.below(3) == 0 ? 64 + dice.below(80) : dice.below(57));
      break;
    case 3:
      std::swap(messages[at], messages[dice.below(messages.size())]);
      break;
    case 4:
      messages[at].peer = static_cast<std::uint8_t>(dice.next());
      break;
    default:
      messages[at].body = fuzz::changed(messages[at].body, dice);
  }
  const std::string bytes = fuzz::bytes_of(messages);
  const std::size_t length = std::min(bytes.size(), max_size);
  std::copy_n(bytes.data(), length, data);
  return length;
}
