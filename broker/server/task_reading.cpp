#include "broker/server/task_reading.h"

#include <algorithm>

#include "common/pack.h"

namespace hirehall::server {

using engine::FactKind;
using store::Family;

namespace {

std::string range_end(std::string key) {  // the first key behind all that begin with `key`
  while (!key.empty()) {
    auto& last = reinterpret_cast<unsigned char&>(key.back());
    if (++last != 0) return key;
    key.pop_back();
  }
  return key;
}

StoredEnd end_of(const engine::EndedItem& item, Millis at) {
  StoredEnd end;
  end.state = item.next;
  end.outcome = item.outcome;
  end.at = at;
  end.worker = item.worker;
  end.lane = item.lane;
  end.tries = item.tries;
  end.awarded_ago = item.awarded_ago;
  end.result = item.result;
  end.result_type = item.result_type;
  end.error_code = item.error_code;
  end.error = item.error;
  end.usage = item.usage;
  return end;
}

StoredEnd end_of(const engine::Dropped& fact, Millis at) {
  StoredEnd end;
  end.state = fact.to;
  end.attempted = false;
  end.at = at;
  end.reason = fact.reason;
  if (fact.to == State::expired) end.error_code = fact.reason;
  end.lane = fact.place.lane;
  return end;
}

}  // namespace

Result<engine::BodyRecord> BodyFinder::record(Sequence sequence) {
  auto item = view_.floor(Family::bodies, store::number_key(sequence));
  if (!item) return tl::unexpected<Error>(item.error());
  if (!*item) return fail(Code::corrupt, "no body record", std::to_string(sequence));
  return engine::decode_body_record((*item)->value, pool_);
}

Result<std::optional<BodyFinder::Found>> BodyFinder::find(Sequence sequence) {
  auto holds = [&] {
    return last_ && sequence >= last_->first && sequence < last_->first + last_->offsets.size();
  };
  if (!holds()) {
    auto item = view_.floor(Family::bodies, store::number_key(sequence));
    if (!item) return tl::unexpected<Error>(item.error());
    if (!*item) return find_straggler(sequence);
    auto decoded = engine::decode_body_record((*item)->value, pool_);
    if (!decoded) return tl::unexpected<Error>(decoded.error());
    last_ = std::move(*decoded);
    if (!holds()) return find_straggler(sequence);
  }
  return edited(sequence, {last_->chunk, last_->offsets[sequence - last_->first], last_->time});
}

// Somebody who approved the task may have given it another payload, or a submission that became part of it.
Result<std::optional<BodyFinder::Found>> BodyFinder::edited(Sequence sequence, Found found) const {
  auto body = found.chunk->body_at(found.offset);
  bool may_be = (body.flags & engine::body_held) != 0;
  if (!may_be && (body.flags & engine::body_keyed) != 0)
    may_be = engine::coalesces(body.flags, found.chunk->options_of(body));
  if (!may_be) return std::optional<Found>{std::move(found)};
  auto payload = view_.get(Family::records, engine::edited_key(sequence));
  if (!payload) return tl::unexpected<Error>(payload.error());
  if (!*payload) return std::optional<Found>{std::move(found)};
  auto chunk = engine::ChunkRef::make();
  chunk->templates = {found.chunk->templates.at(body.template_)};
  body.template_ = 0;
  body.payload = **payload;
  engine::write_body(chunk->bytes, body);
  return std::optional<Found>{Found{std::move(chunk), 0, found.submitted}};
}

// A task that outlives its neighbours has a record of its own once they are gone.
Result<std::optional<BodyFinder::Found>> BodyFinder::find_straggler(Sequence sequence) {
  auto value = view_.get(Family::records, engine::straggler_body_key(sequence));
  if (!value) return tl::unexpected<Error>(value.error());
  if (!*value) return std::optional<Found>{};
  auto record = engine::decode_body_record(**value, pool_);
  if (!record) return tl::unexpected<Error>(record.error());
  return edited(sequence, {record->chunk, record->offsets.at(0), record->time});
}

Error missing_body(Sequence sequence) {
  return {Code::corrupt, "the body of an unfinished task is missing", std::to_string(sequence), 0};
}

Result<std::optional<engine::FoundBody>> read_body(const store::View& view, BodyFinder& finder,
                                                   Sequence sequence) {
  auto found = finder.find(sequence);
  if (!found) return tl::unexpected<Error>(found.error());
  if (!*found) return std::optional<engine::FoundBody>{};
  engine::FoundBody body{sequence, (*found)->chunk, (*found)->offset, nullptr};
  auto checkpoint = view.get(Family::records, engine::checkpoint_key(sequence));
  if (!checkpoint) return tl::unexpected<Error>(checkpoint.error());
  auto answer = view.get(Family::records, engine::answer_key(sequence));
  if (!answer) return tl::unexpected<Error>(answer.error());
  if (*checkpoint || *answer) {
    auto extras = std::make_shared<engine::Extras>();
    if (*checkpoint) extras->checkpoint = **checkpoint;
    if (*answer) {
      Unpacker u(**answer);
      u.uint();
      extras->answer = std::string(u.position(), u.remaining());
    }
    body.extras = std::move(extras);
  }
  return body;
}

Result<std::vector<std::vector<engine::PageEntry>>> read_pages(const store::View& view,
                                                               engine::TemplatePool& pool,
                                                               const engine::PageWanted& wanted) {
  std::vector<std::vector<engine::PageEntry>> pages;
  BodyFinder finder(view, pool);
  Status sound;
  auto read = [&](std::string_view key, std::string_view value) -> Status {
    if (key != engine::page_key(wanted.line, wanted.page + pages.size()))
      return fail(Code::corrupt, "a page of the ready order is missing", std::to_string(wanted.line));
    auto entries = engine::decode_page(value, pool);
    if (!entries) return tl::unexpected<Error>(entries.error());
    for (auto& e : *entries) {
      if (e.chunk || !e.item.tries.fresh()) continue;
      auto found = finder.find(e.item.sequence);
      if (!found) return tl::unexpected<Error>(found.error());
      if (!*found) continue;  // cancelled meanwhile and reclaimed
      e.chunk = (*found)->chunk;
      e.offset = (*found)->offset;
    }
    pages.push_back(std::move(*entries));
    return {};
  };
  auto scanned = view.scan(Family::pages, engine::page_key(wanted.line, wanted.page),
                           engine::page_key(wanted.line, wanted.page + wanted.count),
                           [&](std::string_view key, std::string_view value) {
                             sound = read(key, value);
                             return sound.has_value();
                           });
  if (!scanned) return tl::unexpected<Error>(scanned.error());
  if (!sound) return tl::unexpected<Error>(sound.error());
  if (pages.size() != wanted.count)
    return fail(Code::corrupt, "the last pages of the ready order are missing", std::to_string(wanted.line));
  return pages;
}

engine::Place StoredTask::place() const {
  return {lane, class_, priority, options.deadline, options.limit_keys};
}

namespace {

StoredEnd end_of(const engine::Decided& fact, Millis at) {
  StoredEnd end;
  end.state = fact.to;
  end.attempted = false;
  end.at = at;
  end.lane = fact.place.lane;
  end.tries = fact.tries;
  end.reason = fact.reason;
  end.error_code = fact.error_code;
  if (fact.to != State::succeeded) return end;
  end.result = fact.value;
  end.result_type = fact.result_type;
  return end;
}

// Of tasks that were suspended at their attempts or before their award: what they wait for, and what came of
// earlier questions.
Status read_inbox(const store::View& view, Sequence sequence, bool ended, StoredTask& task) {
  auto from = engine::decision_key(sequence, 0);
  auto scanned = view.scan(Family::records, from, range_end(from.substr(0, 9)),
                           [&](std::string_view, std::string_view value) {
                             engine::DecisionRecord decision;
                             if (engine::decode_record(value, decision))
                               task.decisions.push_back(std::move(decision));
                             return true;
                           });
  if (!scanned || ended) return scanned;
  auto question = view.get(Family::records, engine::question_key(sequence));
  if (!question) return tl::unexpected<Error>(question.error());
  engine::QuestionRecord record;
  if (*question && engine::decode_record(**question, record)) task.question = std::move(record);
  return {};
}

// Every end of a task in a part of a commit, as visit(sequence, producer, end), until it returns false.
template <typename Visit>
void each_end_in(std::string_view part, const Visit& visit) {
  for (engine::PartReader facts(part); facts.next();) {
    if (facts.kind() == FactKind::ended) {
      engine::Ended fact;
      if (!engine::read_fact(facts.body(), fact)) continue;
      for (const auto& item : fact.items)
        if (terminal(item.next) && !visit(item.sequence, item.producer, end_of(item, facts.now()))) return;
    } else if (facts.kind() == FactKind::dropped) {
      engine::Dropped fact;
      if (!engine::read_fact(facts.body(), fact)) continue;
      if (!visit(fact.sequence, fact.producer, end_of(fact, facts.now()))) return;
    } else if (facts.kind() == FactKind::decided) {
      engine::Decided fact;
      if (!engine::read_fact(facts.body(), fact) || !terminal(fact.to)) continue;
      if (!visit(fact.sequence, fact.producer, end_of(fact, facts.now()))) return;
    }
  }
}

// Of the last attempts: its own records, and those of tasks before it that it shares a choice with.
Status read_choices(const store::View& view, Sequence sequence, StoredTask& task) {
  const auto last = task.attempts.empty() ? 0u : task.attempts.back().attempt + 1;
  const auto from = last - std::min<std::uint32_t>(last, limits::history_max);
  const auto before = sequence - std::min<Sequence>(sequence, engine::terms_reach - 1);
  return view.scan(
      Family::records, engine::choice_key(before, 0), range_end(engine::choice_key(sequence, 0).substr(0, 9)),
      [&](std::string_view key, std::string_view value) {
        const engine::AwardOf first{engine::sequence_of_choice(key), engine::attempt_of_choice(key)};
        for (auto attempt = from; attempt <= last + 1; ++attempt)
          if (const auto terms = engine::terms_of(value, first, {sequence, attempt}))
            task.choices.emplace(attempt, *terms);
        return true;
      });
}

bool find_end(std::string_view part, Sequence sequence, StoredEnd& end) {
  bool found = false;
  each_end_in(part, [&](Sequence of, std::uint64_t, StoredEnd&& ended) {
    if (of == sequence) end = std::move(ended), found = true;
    return !found;
  });
  return found;
}

Result<std::uint64_t> commit_of_end(const store::View& view, Sequence sequence) {
  auto segment = engine::segment_of(sequence);
  std::uint64_t commit = 0;
  auto from = engine::result_table_key(segment, 0);
  auto to = engine::result_table_key(segment + 1, 0);
  auto done = view.scan(Family::records, from, to, [&](std::string_view, std::string_view value) {
    commit = engine::Segments::commit_in(std::string(value), sequence % engine::segment_size);
    return commit == 0;
  });
  if (!done) return tl::unexpected<Error>(done.error());
  return commit;
}

bool find_award(std::string_view part, Sequence sequence, StoredAward& award) {
  for (engine::PartReader facts(part); facts.next();) {
    if (facts.kind() != FactKind::awarded) continue;
    engine::Awarded fact;
    if (!engine::read_fact(facts.body(), fact)) continue;
    for (const auto& run : fact.runs)
      for (const auto& item : run.items)
        if (item.sequence == sequence) {
          award.started = facts.now();
          award.reasons = run.reasons;
          return true;
        }
  }
  return false;
}

Status read_award(const store::View& view, Sequence sequence, std::uint64_t ended_in, StoredTask& task) {
  auto commit = ended_in - task.end->awarded_ago;
  return view.scan(Family::facts, store::number_key(commit), store::number_key(commit + 1),
                   [&](std::string_view, std::string_view part) {
                     StoredAward award;
                     if (!find_award(part, sequence, award)) return true;
                     task.award = award;
                     return false;
                   });
}

Status read_straggler_end(const store::View& view, Sequence sequence, StoredTask& task) {
  auto value = view.get(Family::records, engine::straggler_end_key(sequence));
  if (!value) return tl::unexpected<Error>(value.error());
  StoredEnd end;
  if (*value && find_end(**value, sequence, end)) task.end = std::move(end);
  return {};
}

Status read_end(const store::View& view, Sequence sequence, std::uint64_t ended_in, bool with_award,
                StoredTask& task) {
  if (ended_in == 0) {
    auto commit = commit_of_end(view, sequence);
    if (!commit) return tl::unexpected<Error>(commit.error());
    ended_in = *commit;
  }
  if (ended_in == 0) return read_straggler_end(view, sequence, task);
  auto found = view.scan(Family::facts, store::number_key(ended_in), store::number_key(ended_in + 1),
                         [&](std::string_view, std::string_view part) {
                           StoredEnd end;
                           if (!find_end(part, sequence, end)) return true;
                           task.end = std::move(end);
                           return false;
                         });
  if (!found) return found;
  if (!task.end) return read_straggler_end(view, sequence, task);
  if (!with_award || !task.end->attempted) return found;
  return read_award(view, sequence, ended_in, task);
}

}  // namespace

Result<std::optional<StoredTask>> read_task(const store::View& view, BodyFinder& finder, Sequence sequence,
                                            bool ended, std::uint64_t ended_in, bool with_award) {
  auto found = finder.find(sequence);
  if (!found) return tl::unexpected<Error>(found.error());
  if (!*found) return std::optional<StoredTask>{};
  StoredTask task;
  const auto& chunk = *(*found)->chunk;
  auto body = chunk.body_at((*found)->offset);
  task.options = chunk.options_of(body);
  task.payload = body.payload;
  task.lane = body.lane;
  task.class_ = body.class_;
  task.priority = body.priority;
  task.submitted = (*found)->submitted;
  if (engine::coalesces(body.flags, task.options)) {
    auto count = view.get(Family::records, engine::coalesced_key(sequence));
    if (!count) return tl::unexpected<Error>(count.error());
    if (*count) {
      Unpacker told(**count);
      task.coalesced = told.uint();
      if (const auto start = told.sint(); start != 0) task.options.not_before = start;
    }
  }
  auto from = engine::attempt_key(sequence, 0);
  auto done = view.scan(Family::records, from, range_end(from.substr(0, 9)),
                        [&](std::string_view key, std::string_view value) {
                          StoredAttempt attempt;
                          if (key.size() == 13 && engine::decode_record(value, attempt.record)) {
                            attempt.attempt = attempt.record.tries.attempts;
                            task.attempts.push_back(std::move(attempt));
                          }
                          return true;
                        });
  if (!done) return tl::unexpected<Error>(done.error());
  if (with_award)
    if (auto read = read_choices(view, sequence, task); !read) return tl::unexpected<Error>(read.error());
  bool asked = (body.flags & engine::body_held) != 0 ||
               std::ranges::any_of(task.attempts,
                                   [](const StoredAttempt& a) { return a.record.next == State::suspended; });
  if (asked)
    if (auto read = read_inbox(view, sequence, ended, task); !read)
      return tl::unexpected<Error>(read.error());
  if (ended) {
    if (auto read = read_end(view, sequence, ended_in, with_award, task); !read)
      return tl::unexpected<Error>(read.error());
    return std::optional<StoredTask>{std::move(task)};
  }
  auto due = task.attempts.empty() ? task.options.not_before : task.attempts.back().record.due;
  if (due != 0) {
    auto timer = view.get(Family::timers, engine::timer_key(due, engine::TimerKind::start, sequence));
    if (!timer) return tl::unexpected<Error>(timer.error());
    task.scheduled = timer->has_value();
  }
  return std::optional<StoredTask>{std::move(task)};
}

Result<bool> copy_straggler(const store::View& view, BodyFinder& finder, engine::Straggler& straggler,
                            std::uint64_t ended_in) {
  auto found = finder.find(straggler.sequence);
  if (!found) return tl::unexpected<Error>(found.error());
  if (!*found) return false;
  straggler.body =
      engine::straggler_body(straggler.sequence, (*found)->submitted, *(*found)->chunk, (*found)->offset);
  if (!straggler.dead) return true;
  if (ended_in == 0) {
    auto commit = commit_of_end(view, straggler.sequence);
    if (!commit) return tl::unexpected<Error>(commit.error());
    ended_in = *commit;
  }
  auto scanned = view.scan(Family::facts, store::number_key(ended_in), store::number_key(ended_in + 1),
                           [&](std::string_view, std::string_view part) {
                             straggler.end = engine::straggler_end_in(part, straggler.sequence);
                             return straggler.end.empty();
                           });
  if (!scanned) return tl::unexpected<Error>(scanned.error());
  return !straggler.end.empty();
}

engine::LoadedTask loaded_task(const StoredTask& task, std::uint64_t view_commit) {
  engine::LoadedTask loaded;
  loaded.found = true;
  loaded.view_commit = view_commit;
  loaded.place = task.place();
  loaded.producer = task.options.producer;
  loaded.state = State::ready;
  if (task.scheduled) loaded.state = State::scheduled;
  if (!task.attempts.empty()) {
    const auto& last = task.attempts.back().record;
    loaded.tries = last.tries;
    loaded.due = last.due;
  } else {
    loaded.due = task.options.not_before;
  }
  loaded.not_before = task.options.not_before;
  if (const auto& o = task.options; !o.trace.empty())
    loaded.origin = std::make_shared<const engine::TraceOrigin>(
        engine::TraceOrigin{o.trace, o.tracestate, task.submitted});
  if (task.question) {
    loaded.state = State::suspended;
    loaded.question = std::make_shared<const engine::QuestionRecord>(*task.question);
  }
  return loaded;
}

Status each_ending(const store::View& view, std::uint64_t commit,
                   const std::function<void(Sequence, std::uint64_t, const StoredEnd&)>& visit) {
  return view.scan(Family::facts, store::number_key(commit), store::number_key(commit + 1),
                   [&](std::string_view, std::string_view part) {
                     each_end_in(part, [&](Sequence sequence, std::uint64_t producer, const StoredEnd& end) {
                       visit(sequence, producer, end);
                       return true;
                     });
                     return true;
                   });
}

}  // namespace hirehall::server
