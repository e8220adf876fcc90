#include "tests/unit/engine/hall.h"

#include "common/hash.h"

namespace hirehall::engine {

void Kept::keep(const Draft& draft) {
  ASSERT_EQ(draft.number, commit + 1);
  commit = draft.number;
  for (const auto& [first, value] : draft.bodies) bodies.emplace(first, value);
  facts.emplace(draft.number, draft.facts);
  for (const auto& w : draft.index) {
    if (w.erase)
      shelves[w.where].erase(w.key);
    else
      shelves[w.where].insert_or_assign(w.key, w.value);
  }
}

std::optional<std::string> Kept::at(Shelving where, const std::string& key) const {
  auto shelf = shelves.find(where);
  if (shelf == shelves.end()) return std::nullopt;
  auto found = shelf->second.find(key);
  if (found == shelf->second.end()) return std::nullopt;
  return found->second;
}

Result<BodyRecord> Kept::body_record(Sequence sequence) const {
  if (auto alone = at(Shelving::records, straggler_body_key(sequence))) return decode_body_record(*alone);
  auto above = bodies.upper_bound(sequence);
  if (above == bodies.begin()) return fail(Code::corrupt, "no body");
  return decode_body_record(std::prev(above)->second);
}

FoundBody Kept::body(Sequence sequence) const {
  auto record = body_record(sequence);
  EXPECT_TRUE(record && sequence < record->first + record->offsets.size()) << "no body of " << sequence;
  FoundBody found{sequence, record->chunk, record->offsets.at(sequence - record->first), nullptr};
  auto asked_first = found.chunk->body_at(found.offset);
  if (auto edited = at(Shelving::records, edited_key(sequence));
      edited && ((asked_first.flags & body_held) != 0 ||
                 coalesces(asked_first.flags, found.chunk->options_of(asked_first)))) {
    auto chunk = ChunkRef::make();
    chunk->templates = {found.chunk->templates.at(asked_first.template_)};
    asked_first.template_ = 0;
    asked_first.payload = *edited;
    write_body(chunk->bytes, asked_first);
    found.chunk = chunk;
    found.offset = 0;
  }
  auto checkpoint = at(Shelving::records, checkpoint_key(sequence));
  auto answer = at(Shelving::records, answer_key(sequence));
  if (!checkpoint && !answer) return found;
  auto extras = std::make_shared<Extras>();
  extras->checkpoint = checkpoint.value_or("");
  if (answer) {
    Unpacker u(*answer);
    u.uint();
    extras->answer = std::string(u.position(), u.remaining());
  }
  found.extras = std::move(extras);
  return found;
}

std::vector<PageEntry> Kept::page(std::uint64_t line, std::uint64_t page) const {
  auto value = at(Shelving::pages, page_key(line, page));
  EXPECT_TRUE(value.has_value()) << "no page " << page << " of line " << line;
  auto entries = decode_page(value.value_or(""));
  EXPECT_TRUE(entries.has_value());
  for (auto& e : *entries) {
    if (e.chunk || !e.item.tries.fresh()) continue;
    auto found = body(e.item.sequence);
    e.chunk = found.chunk;
    e.offset = found.offset;
  }
  return *entries;
}

LoadedTask Kept::task(Sequence sequence) const {
  LoadedTask loaded;
  auto found = body(sequence);
  auto body = found.chunk->body_at(found.offset);
  auto options = found.chunk->options_of(body);
  loaded.found = true;
  loaded.view_commit = commit;
  loaded.place = {body.lane, body.class_, body.priority, options.deadline, options.limit_keys};
  loaded.producer = options.producer;
  if (auto put_off = at(Shelving::records, coalesced_key(sequence))) {
    Unpacker told(*put_off);
    told.uint();
    if (const auto start = told.sint(); start != 0) options.not_before = start;
  }
  loaded.due = options.not_before;
  std::optional<AttemptRecord> last;
  if (auto records = shelves.find(Shelving::records); records != shelves.end()) {
    auto from = attempt_key(sequence, 0), to = attempt_key(sequence + 1, 0);
    for (auto a = records->second.lower_bound(from); a != records->second.lower_bound(to); ++a)
      EXPECT_TRUE(decode_record(a->second, last.emplace()));
  }
  if (last) loaded.tries = last->tries, loaded.due = last->due;
  if (loaded.due != 0 && at(Shelving::timers, timer_key(loaded.due, TimerKind::start, sequence)))
    loaded.state = State::scheduled;
  loaded.not_before = options.not_before;
  if (auto question = at(Shelving::records, question_key(sequence))) {
    loaded.state = State::suspended;
    auto record = std::make_shared<QuestionRecord>();
    EXPECT_TRUE(decode_record(*question, *record));
    loaded.question = record;
  }
  return loaded;
}

bool Kept::dead(std::uint32_t queue, Sequence sequence) const {
  return at(Shelving::records, dead_key(queue, sequence)).has_value();
}

FoundKeys Kept::found(const std::vector<std::string>& keys) const {
  FoundKeys out;
  auto records = shelves.find(Shelving::records);
  if (records == shelves.end()) return out;
  for (const auto& key : keys) {
    auto at = records->second.upper_bound(is_unique_key(key) ? unique_record_key(key, ~Sequence{0}) : key);
    if (at == records->second.begin() || !(--at)->first.starts_with(key)) continue;
    if (!is_unique_key(key) && at->first != key) continue;
    KeyRecord record;
    EXPECT_TRUE(decode_record(at->second, record));
    out.emplace(key, record);
  }
  return out;
}

void Kept::replay(Engine& engine, std::uint64_t after) const {
  for (auto at = facts.upper_bound(after); at != facts.end(); ++at)
    for (const auto& part : at->second) {
      auto done = engine.replay(at->first, part, [&](Sequence s) { return body_record(s); });
      ASSERT_TRUE(done.has_value()) << describe(done.error());
    }
}

std::unique_ptr<Engine> Kept::recovered(const Engine::Settings& settings, bool from_snapshot) const {
  auto engine = std::make_unique<Engine>(settings);
  std::uint64_t snapshot = 0;
  if (auto head = at(Shelving::meta, "snapshot"); head && from_snapshot) {
    Unpacker u(*head);
    u.u8();
    snapshot = u.uint();
    auto parts = u.uint();
    std::string saved;
    for (std::uint32_t i = 0; i < parts; ++i) saved += at(Shelving::meta, snapshot_key(snapshot, i)).value();
    auto loaded = engine->load_snapshot(snapshot, saved);
    EXPECT_TRUE(loaded.has_value()) << describe(loaded.error());
  }
  replay(*engine, snapshot);
  return engine;
}

Hall::Hall(Engine::Settings with, Committing committing)
    : settings(with), engine(std::make_unique<Engine>(with)), committing_(std::move(committing)) {
  engine->start(now);
  begin();
  turn();
}

void Hall::begin() {
  engine->begin_turn({now, now + wall, 0, false, full, learned});
}

std::uint64_t Hall::producer() {
  if (producer_ != 0 && engine->producer(producer_) == nullptr) producer_ = 0, batch_ = 0;
  if (producer_ == 0) producer_ = engine->open_producer("producer", "test");
  return producer_;
}

Result<SubmitAnswer> Hall::submit_batch(const std::vector<std::pair<TaskOptions, std::string>>& tasks,
                                        bool atomic) {
  begin();
  SubmitRequest request;
  request.producer = producer();
  request.batch = batch_ + 1;
  request.acked = batch_;
  request.atomic = atomic;
  std::vector<TemplateRef> templates;
  std::vector<SubmitItem> items;
  for (const auto& [options, name] : tasks) {
    auto own = options;
    own.producer = request.producer;
    templates.push_back(make_template(own));
    SubmitItem item;
    item.template_ = static_cast<std::uint32_t>(items.size());
    item.payload = name;
    items.push_back(item);
  }
  request.templates = templates;
  request.items = items;
  auto found = kept.found(engine->keys_of(request));
  request.found = &found;
  auto answer = engine->submit(request);
  if (answer) ++batch_;
  return answer;
}

Sequence Hall::submit(const std::string& name, TaskOptions options) {
  if (options.type.empty()) options.type = "echo";
  auto answer = submit_batch({{options, name}});
  EXPECT_TRUE(answer.has_value()) << describe(answer.error());
  if (!answer) return 0;
  if (answer->exceptions.empty()) return answer->first;
  EXPECT_EQ(answer->exceptions[0].code, 0u) << answer->exceptions[0].message;
  return answer->exceptions[0].existing;
}

Exception Hall::refused(const std::string& name, TaskOptions options) {
  if (options.type.empty()) options.type = "echo";
  auto answer = submit_batch({{options, name}});
  EXPECT_TRUE(answer && answer->exceptions.size() == 1) << "the task was to be refused";
  return answer && !answer->exceptions.empty() ? answer->exceptions[0] : Exception{};
}

Hand& Hall::hire(std::vector<std::string> types, std::uint32_t credit, const std::string& agent,
                 std::shared_ptr<const scheduler::Guard> guard) {
  begin();
  auto& hand = hands.emplace_back();
  hand.types = std::move(types);
  hand.agent = agent;
  hand.guard = std::move(guard);
  hand.credit = credit;
  hand.token = "hand " + std::to_string(++names_);
  come_back(hand, {});
  return hand;
}

std::vector<std::uint64_t> Hall::come_back(Hand& hand, const std::vector<std::uint64_t>& holding) {
  begin();
  Registration registration;
  registration.name = hand.token;
  registration.principal = "test";
  registration.spec.slots = hand.slots != 0 ? hand.slots : std::max(hand.credit, 1u);
  registration.spec.resources = hand.resources;
  registration.timed = hand.timed;
  scheduler::AgentSpec agent;
  agent.name = hand.agent;
  agent.version = "1";
  agent.types = hand.types;
  agent.guard = hand.guard;
  registration.spec.agents.push_back(agent);
  registration.credit = hand.credit;
  registration.queues = hand.queues;
  if (hand.number != 0) registration.resume = hand.token;
  registration.token = hand.token;
  registration.last_award = hand.last_award;
  registration.holding = holding;
  auto done = engine->register_worker(registration);
  EXPECT_TRUE(done.has_value()) << describe(done.error());
  if (!done) return {};
  hand.number = done->worker;
  hand.finishes = done->next_finish - 1;
  return done->lost;
}

Code Hall::finish(Hand& hand, const AwardOut& award, FinishItem item) {
  begin();
  item.token = award.token;
  auto done = engine->finish(hand.number, hand.finishes + 1, hand.finishes, hand.credit, {&item, 1});
  EXPECT_TRUE(done.has_value()) << describe(done.error());
  if (!done) return done.error().code;
  ++hand.finishes;
  std::erase_if(hand.awards, [&](const AwardOut& a) { return a.token == award.token; });
  collect();
  msgpack::Reader r(*done);
  if (r.array() == 0) return Code::ok;
  r.array();
  r.uint();
  return static_cast<Code>(r.uint());
}

Code Hall::finish(Hand& hand, const AwardOut& award, Outcome outcome) {
  FinishItem item;
  item.outcome = outcome;
  if (outcome == Outcome::suspended) item.on = SuspendedOn::input;
  return finish(hand, award, item);
}

Code Hall::cancel(Sequence sequence, const std::string& reason) {
  begin();
  auto code = engine->cancel(sequence, reason, 1000, nullptr);
  if (code == Code::busy) {
    turn();  // what is looked at has to be durable
    auto loaded = kept.task(sequence);
    code = engine->cancel(sequence, reason, 1000, &loaded);
  }
  collect();
  return code;
}

Code Hall::answer(Sequence sequence, const std::string& value) {
  return decide(sequence, Deed::answered, value);
}

Code Hall::decide(Sequence sequence, Deed deed, const std::string& value) {
  begin();
  Decision decision{deed, "ada", "because", value};
  auto code = engine->decide(sequence, decision, nullptr);
  if (code != Code::busy) return code;
  turn();
  auto loaded = kept.task(sequence);
  code = engine->decide(sequence, decision, &loaded);
  collect();
  return code;
}

void Hall::beat(Hand& hand) {
  begin();
  std::uint64_t hash = 0;
  for (const auto& award : hand.awards) hash ^= mix(award.token);
  engine->heartbeat(hand.number, static_cast<std::uint32_t>(hand.awards.size()), hash, hand.last_award,
                    hand.credit);
}

void Hall::pass(Millis ms, bool beating) {
  while (ms > 0) {
    auto step = std::min<Millis>(ms, 500);
    now += step;
    ms -= step;
    begin();
    if (beating)
      for (auto& hand : hands) beat(hand);
    turn();
  }
}

void Hall::collect() {
  auto& out = engine->outputs();
  auto to = [&](std::uint32_t worker) {
    for (auto& hand : hands)
      if (hand.number == worker) return &hand;
    return static_cast<Hand*>(nullptr);
  };
  for (auto& award : out.awards)
    if (auto* hand = to(award.worker)) {
      hand->last_award = std::max(hand->last_award, award.award);
      payloads[award.sequence] = award.chunk->body_at(award.offset).payload;
      award.chunk = {};  // it may not outlive its engine
      award.options = nullptr;
      hand->awards.push_back(award);
    }
  for (auto& stop : out.stops)
    if (auto* hand = to(stop.worker)) hand->stops.push_back(stop);
  for (auto& lost : out.lost)
    if (auto* hand = to(lost.worker)) {
      hand->lost.push_back(lost.token);
      std::erase_if(hand->awards, [&](const AwardOut& a) { return a.token == lost.token; });
    }
  for (auto& ending : out.endings) {
    EXPECT_FALSE(endings.contains(ending.sequence)) << "task " << ending.sequence << " ended twice";
    endings[ending.sequence] = {ending, std::string(ending.error_code), std::string(ending.result)};
  }
  out.choices.visit([&](std::string_view packed, auto awards) {
    for (const auto& award : awards) choices.push_back({award.sequence, award.attempt, std::string(packed)});
  });
  out.choices.clear();
  for (auto& call : out.calls) calls.push_back(std::move(call));
  out.calls.clear();
  out.awards.clear();
  out.stops.clear();
  out.lost.clear();
  out.endings.clear();
}

void Hall::turn() {
  for (int again = 0; again < 100; ++again) {
    begin();
    engine->end_turn();
    collect();
    auto draft = engine->take();
    if (committing_) committing_(draft, *engine);
    kept.keep(draft);
    engine->durable(draft.number);
    auto& out = engine->outputs();
    bool wanted = !out.pages.empty() || !out.bodies.empty() || !out.timers.empty() || !out.lookups.empty();
    read_wanted();
    // What was read while reads were slow still waits.
    if (slow_reads || (!wanted && reads.empty() && !engine->more_to_award())) return;
    while (!reads.empty()) {
      begin();
      auto read = std::move(reads.front());
      reads.pop_front();
      read();
    }
  }
  FAIL() << "the engine does not come to rest";
}

bool Hall::reclaim(std::size_t segments) {
  auto copies = engine->stragglers(std::min(segments, engine->reclaimable(segments).size()));
  for (auto& copy : copies) {
    auto found = kept.body(copy.sequence);
    copy.body = straggler_body(copy.sequence, 0, *found.chunk, found.offset);
    if (!copy.dead) continue;
    for (const auto& [commit, parts] : kept.facts)
      for (const auto& part : parts)
        if (copy.end.empty()) copy.end = straggler_end_in(part, copy.sequence);
  }
  return engine->reclaim(segments, copies, engine->stragglers_ended_before(now));
}

void Hall::read_wanted() {
  auto& out = engine->outputs();
  for (const auto& w : out.pages)
    for (auto page = w.page; page < w.page + w.count; ++page)
      reads.push_back(
          [this, w, page, entries = kept.page(w.line, page)] { engine->page_read(w.line, page, entries); });
  for (const auto& w : out.bodies) {
    std::vector<FoundBody> bodies;
    for (auto sequence : w.sequences) bodies.push_back(kept.body(sequence));
    reads.push_back([this, w, bodies] { engine->bodies_read(w.line, bodies); });
  }
  for (const auto& w : out.timers) {
    std::vector<std::pair<std::string, std::string>> timers;
    auto& shelf = kept.shelves[Shelving::timers];
    auto at = w.from.empty() ? shelf.begin() : shelf.upper_bound(w.from);
    for (; at != shelf.end() && timers.size() < w.count; ++at) timers.emplace_back(*at);
    reads.push_back([this, timers, commit = kept.commit, all = at == shelf.end()] {
      engine->timers_read(commit, timers, all);
    });
  }
  for (const auto& w : out.lookups)
    reads.push_back([this, w, loaded = kept.task(w.sequence)] {
      engine->looked_up(w.sequence, loaded);
      collect();
    });
  out.pages.clear();
  out.bodies.clear();
  out.timers.clear();
  out.lookups.clear();
}

void Hall::restart(bool from_snapshot) {
  reads.clear();
  engine = kept.recovered(settings, from_snapshot);
  for (auto sequence : engine->leases_without_options()) engine->load_options(kept.body(sequence));
  engine->start(now);
  begin();
}

AwardOut Hall::award(Hand& hand) {
  turn();
  EXPECT_FALSE(hand.awards.empty()) << "no award came";
  return hand.awards.empty() ? AwardOut{} : hand.awards.back();
}

std::string Hall::name(Sequence sequence) const {
  auto found = kept.body(sequence);
  return std::string(found.chunk->body_at(found.offset).payload);
}

State Hall::state(Sequence sequence) const {
  if (auto ended = endings.find(sequence); ended != endings.end()) return ended->second.out.state;
  if (engine->look(sequence) == Engine::Known::leased) return State::leased;
  return kept.task(sequence).state;
}

std::string Hall::saved() const {
  std::string out;
  engine->ledger().save(out);
  return out;
}

TaskOptions echo() {
  TaskOptions options;
  options.type = "echo";
  return options;
}

}  // namespace hirehall::engine
