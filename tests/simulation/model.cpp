#include "tests/simulation/model.h"

#include "common/msgpack.h"
#include "tests/simulation/violation.h"

namespace hirehall::sim {

using wire::Kind;

Model::Model(Timeline& time, Weather& weather, Trace& trace, Tally& tally)
    : time_(time), weather_(weather), trace_(trace), tally_(tally) {}

Number Model::intend(TaskOptions options, std::size_t bytes, bool plain) {
  auto number = intents_.size() + 1;
  auto& intent = intents_.emplace_back();
  intent.options = std::move(options);
  intent.plain = plain;
  intent.approval = read_approval(intent.options.policies).value_or(Approval{});
  intent.payload = "K" + std::to_string(number) + ";";
  while (intent.payload.size() < bytes)
    intent.payload.push_back(static_cast<char>('a' + (intent.payload.size() * 7 + number) % 26));
  return number;
}

Number Model::number_of(std::string_view payload) {
  Number number = 0;
  if (payload.empty() || payload[0] != 'K') return 0;
  for (std::size_t i = 1; i < payload.size() && payload[i] >= '0' && payload[i] <= '9'; ++i)
    number = number * 10 + static_cast<Number>(payload[i] - '0');
  return number;
}

Life* Model::life(std::string_view id) {
  auto at = lives_.find(id);
  return at == lives_.end() ? nullptr : &at->second;
}

const std::string* Model::some_id(Chance& chance) const {
  if (promised_.empty()) return nullptr;
  return &promised_[chance.below(promised_.size())];
}

const std::string* Model::awarded_lately(Chance& chance) const {
  if (awards_ == 0) return nullptr;
  return &awarded_[chance.below(std::min(awards_, awarded_.size()))];
}

void Model::may_stop(std::string_view id) {
  if (auto* l = life(id)) l->stop_possible = true;
}

void Model::may_answer(std::string_view id, std::string value) {
  if (auto* l = life(id)) l->answers.insert(std::move(value));
}

void Model::may_decide(std::string_view id, std::string_view decision, const std::string& value) {
  auto* l = &known(id, 0);
  if (decision == "reject") l->stop_possible = true;
  if (decision != "reject") l->consent = true;
  if (decision == "edit" && l->number != 0) intent(l->number).edits.insert(value);
}

void Model::heard(Number number, std::string_view id) {
  auto* l = life(id);
  if (l == nullptr || !l->promised || l->number != number)
    violated("I1",
             "a client was told an id that the broker did not promise: " +
                 std::to_string(l == nullptr ? 0 : l->number) +
                 (l != nullptr && l->promised ? " promised" : ""),
             number);
}

// --- requests ---

void Model::read(const std::string& routing, std::string_view bytes) {
  auto frame = wire::read_frame(bytes);
  if (!frame || frame->header.request == 0) return;
  auto [place, fresh] = asked_.try_emplace({routing, frame->header.request});
  auto& asked = place->second;
  auto first = fresh ? time_.now() : asked.at;  // a frame that came twice: the first may be the one answered
  asked = {};
  asked.kind = static_cast<Kind>(frame->header.kind);
  asked.at = first;
  switch (asked.kind) {
    case Kind::submit:
      return read_submit_frame(asked, frame->body);
    case Kind::finish:
      return read_finish_frame(routing, asked, frame->body);
    case Kind::report:
      asked.report = read_report(frame->body);
      for (const auto& item : asked.report.items)
        if (auto at = tokens_.find(item.token); at != tokens_.end() && !item.checkpoint.empty())
          at->second.first->checkpoints.insert(item.checkpoint);
      return;
    case Kind::get:
    case Kind::explain:
      asked.task = read_id(frame->body);
      return;
    case Kind::logs:
      asked.task = read_id(frame->body);
      asked.number = read_number_or(frame->body, "after", 0);
      return;
    case Kind::answer:
      asked.task = read_id(frame->body);
      asked.decision = read_text(frame->body, "decision");
      asked.value = read_text(frame->body, "value");
      return;
    case Kind::batch_close:
    case Kind::batch_wait:
    case Kind::batch_show:
      return read_batch_frame(asked, frame->body);
    case Kind::budget_delete:
      budget_over_ = true;
      return;
    case Kind::pause:
    case Kind::resume:
      return read_scope(routing, frame->header.request, asked, frame->body);
    default:
      return read_operators_frame(routing, frame->header.request, asked, frame->body);
  }
}

void Model::read_submit_frame(Asked& asked, std::string_view body) {
  auto submit = read_submit(body);
  asked.atomic = submit.atomic;
  for (const auto& payload : submit.payloads) {
    auto number = number_of(payload);
    asked.numbers.push_back(number);
    auto& intent = intents_.at(number - 1);
    if (intent.first_read < 0) intent.first_read = time_.now();
    asked.payloads.push_back(payload);
    if (intent.options.on_conflict == OnConflict::coalesce)
      if (auto& version = intent.versions[payload]; version.read < 0) version.read = time_.now();
    trace_.note(time_.now(), "submit is read", number);
  }
}

void Model::read_finish_frame(const std::string& routing, Asked& asked, std::string_view body) {
  asked.finishes = read_finish(body).items;
  for (const auto& item : asked.finishes) {
    if (item.outcome == Outcome::succeeded) note_success(routing);
    auto at = tokens_.find(item.token);
    if (at == tokens_.end()) violated("I4", "a worker finishes with a token that was never given");
    auto& [life, attempt] = at->second;
    auto& t = life->tries.at(attempt);
    if (t.first_report < 0) t.first_report = time_.now();
    t.reported.emplace(item.outcome, item.result);
    if (item.outcome == Outcome::interrupted && item.ended == 0) unbegun_.insert(item.token);
    if (item.outcome == Outcome::suspended) life->answered = false;  // the next question
    if (item.default_answer) life->answers.insert(*item.default_answer);
    t.lapses = item.lapses;
    t.units = item.units;
    life->may_lapse |= item.lapses;
    if (!item.checkpoint.empty()) life->checkpoints.insert(item.checkpoint);
    trace_.note(time_.now(), "finish is read", life->number, attempt, static_cast<int>(item.outcome));
  }
}

void Model::read_scope(const std::string& routing, std::uint64_t request, Asked& asked,
                       std::string_view body) {
  std::string queue, type, tenant;
  msgpack::Reader r(body);
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    if (key == "queue")
      queue = r.str();
    else if (key == "type")
      type = r.str();
    else if (key == "tenant")
      tenant = r.str();
    else
      r.skip();
  }
  asked.scope = queue + "|" + type + "|" + tenant;
  paused_.erase(asked.scope);
  // A request that arrives twice may undo what came between: its first answer says nothing of what holds.
  const bool first = changes_heard_.emplace(routing, request).second;
  last_change_[asked.scope] =
      first ? std::pair{routing, request} : std::pair{std::string(), std::uint64_t{0}};
}

void Model::broker_started() {
  last_change_.clear();  // what was not answered is not known
  workers_.clear();
  aside_.clear();
  tripped_.clear();
  settled_.clear();
  restarted = true;
  broker_since = time_.now();
}

// --- answers and pushes ---

void Model::sent(const std::string& routing, std::string_view bytes) {
  auto frame = wire::read_frame(bytes);
  if (!frame) violated("I15", "the broker sent a frame without a header");
  switch (static_cast<Kind>(frame->header.kind)) {
    case Kind::submitted:
      return sent_submitted(routing, frame->body);
    case Kind::award:
      return sent_award(routing, frame->body);
    case Kind::call_for_bids:
      return sent_call(frame->body);
    case Kind::results:
      if (given_up_.contains({routing, read_subscription(frame->body)}))
        violated("I9", "a stream goes on that was given up");
      for (const auto& item : read_results(frame->body)) {
        auto* l = life(item.id);
        if (l == nullptr) l = &known(item.id, 0);
        ended(*l, item.state, item.result);
        trace_.note(time_.now(), "result is pushed", l->number);
      }
      return;
    case Kind::error:
      if (auto at = asked_.find({routing, frame->header.request}); at != asked_.end())
        sent_refusal(at->second, wire::read_error(frame->body).code);
      return;
    case Kind::ok:
      return sent_ok(routing, frame->header.request, frame->body);
    default:
      return;
  }
}

void Model::sent_ok(const std::string& routing, std::uint64_t request, std::string_view body) {
  auto at = asked_.find({routing, request});
  if (at == asked_.end()) violated("I15", "an answer to nothing that was asked");
  const auto& asked = at->second;
  switch (asked.kind) {
    case Kind::finish:
      return sent_finish_ok(asked, body);
    case Kind::get:
    case Kind::wait:
      return sent_task(body, asked.at);
    case Kind::answer:
      if (auto* l = life(asked.task)) {
        l->decided = true;
        if (asked.decision.empty()) l->answered = true;
        if (asked.decision == "edit") l->edited = asked.value;
      }
      return;
    case Kind::explain:
      return sent_explanation(asked, body);
    case Kind::logs:
      return sent_logs(asked, body);
    case Kind::batch_close:
    case Kind::batch_wait:
    case Kind::batch_show:
      return sent_batch(asked, body);
    case Kind::bulk_start:
      bulks_.insert(read_number(body, "bulk"));
      return;
    case Kind::pause:
      if (last_change_[asked.scope] == std::pair{routing, request}) paused_.insert(asked.scope);
      return;
    case Kind::report: {
      std::set<std::size_t> refused;
      for (auto [index, code] : read_refusals(body)) refused.insert(index);
      for (std::size_t i = 0; i < asked.report.items.size(); ++i)
        if (auto token = tokens_.find(asked.report.items[i].token);
            token != tokens_.end() && !refused.contains(i) && !asked.report.items[i].checkpoint.empty()) {
          token->second.first->checkpoint = asked.report.items[i].checkpoint;
          tally_.saw(Situation::checkpointed);
        }
      return;
    }
    default:
      return sent_operators_ok(routing, request, asked, body);
  }
}

// The task of an id; new when it was not named before. Whose task it is may be learned later than the id.
Life& Model::known(std::string_view id, Number number) {
  auto [at, added] = lives_.try_emplace(std::string(id));
  auto& l = at->second;
  if (added) l.id = id;
  if (number == 0 || l.number == number) return l;
  if (l.number != 0) violated("I2", "one id stands for two payloads", number);
  l.number = number;
  auto& intent = intents_.at(number - 1);
  if (intent.first_read < 0) violated("I2", "a task that nobody submitted", number);
  intent.ids.insert(l.id);
  if (intent.ids.size() > 1 + intent.replays && intent.options.unique_key.empty())
    violated("I3", "one submit made two tasks", number);
  const auto& o = intent.options;
  l.stop_possible |= o.deadline != 0 || o.labels.contains("bulk") || o.on_conflict == OnConflict::replace;
  // A dead letter that is submitted anew goes at once, also one that failed while it waited for its time.
  const auto delay = o.delay_ms > 0 && intent.replays == 0 ? at_least(o.delay_ms) : 0;
  l.due = std::max(l.due, intent.first_read + delay);
  return l;
}

void Model::sent_submitted(const std::string& routing, std::string_view body) {
  for (const auto& answer : read_submitted(body).answers) {
    auto at = asked_.find({routing, answer.request});
    if (at == asked_.end() || at->second.kind != Kind::submit)
      violated("I15", "an answer to a submit that was not asked");
    const auto& numbers = at->second.numbers;
    if (numbers.size() != answer.items.size()) violated("I15", "an answer with another number of items");
    if (at->second.atomic) tally_.saw(Situation::submit_atomic);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      const auto& item = answer.items[i];
      auto number = numbers[i];
      if (item.code != Code::ok) {
        submit_refused(number, item.code);
        continue;
      }
      auto& l = known(item.id, number);
      trace_.note(time_.now(), "task is promised", number);
      check_batch_open(number);
      if (!l.promised) promised_.push_back(l.id);
      l.promised = true;
      if (l.promised_at < 0) l.promised_at = time_.now();
      auto& meant = intents_.at(number - 1);
      if (meant.options.on_conflict == OnConflict::coalesce)
        if (auto& version = meant.versions[at->second.payloads.at(i)]; version.answered < 0)
          version.answered = time_.now(), version.id = l.id;
      const auto& o = intents_.at(number - 1).options;
      if (o.idempotency_key.empty() || !timing) continue;
      auto [key, added] = keys_.emplace(std::pair{o.tenant, o.idempotency_key}, item.id);
      if (key->second != item.id) violated("I3", "one idempotency key gave two tasks", number);
      tally_.saw_if(!added, Situation::key_gave_the_same_task);
      tally_.saw_if(!added && restarted, Situation::key_after_a_crash);
    }
  }
}

void Model::submit_refused(Number number, Code code) {
  const auto& intent = intents_.at(number - 1);
  const auto& o = intent.options;
  trace_.note(time_.now(), "task is refused", number, static_cast<int>(code));
  switch (code) {
    case Code::not_found:
      tally_.saw(Situation::submit_refused_unknown_queue);
      if (o.queue == "nowhere") return;
      break;
    case Code::queue_full:
    case Code::dead_letters_full:
      tally_.saw(Situation::submit_refused_queue_full);
      if (o.queue == "capped") return;
      break;
    case Code::invalid:
      tally_.saw(Situation::submit_refused_past_deadline);
      if (o.deadline != 0) return;
      break;
    case Code::not_unique:
      tally_.saw(Situation::unique_rejected);
      if (o.on_conflict != OnConflict::unsaid) return;
      break;
    case Code::already_started:
      tally_.saw(Situation::unique_started);
      if (o.on_conflict != OnConflict::unsaid) return;
      break;
    case Code::conflict:
      if (!o.batch.empty() && closings_.contains(batch_of(o)))
        return tally_.saw(Situation::batch_refused_closed);
      tally_.saw(Situation::key_conflict);
      // What is submitted again as edited has its unique key with the edited payload.
      if (intent.key_reused || !intent.edits.empty()) return;
      break;
    default:
      break;
  }
  violated("I1", "a submit was refused without a reason: " + std::string(name_of(code)), number);
}

}  // namespace hirehall::sim
