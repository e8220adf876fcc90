// What the engine wants from the store: read beside the command thread, given back as inputs; and the end
// when the store fails.
#include "broker/server/broker.h"
#include "common/log.h"

namespace hirehall::server {

void Broker::failed(const Error& error) {
  if (failure_) return;
  failure_ = error;
  log::error("the broker ends", error);
}

void Broker::read_wanted() {
  auto& out = engine_.outputs();
  for (auto& wanted : out.pages) {
    read_later([this, wanted](const store::View& view, std::uint64_t) -> Reader::Then {
      auto pages = std::make_shared<Result<std::vector<std::vector<engine::PageEntry>>>>(
          read_pages(view, read_templates_, wanted));
      return [this, wanted, pages] {
        if (!*pages) return failed(pages->error());
        auto page = wanted.page;
        for (const auto& entries : **pages) engine_.page_read(wanted.line, page++, entries);
      };
    });
  }
  for (auto& wanted : out.bodies) {
    read_later([this, wanted = std::move(wanted)](const store::View& view, std::uint64_t) -> Reader::Then {
      auto bodies = std::make_shared<std::vector<engine::FoundBody>>();
      auto error = std::make_shared<std::optional<Error>>();
      auto missing = std::make_shared<std::vector<Sequence>>();
      {
        BodyFinder finder(view, read_templates_);
        for (auto sequence : wanted.sequences) {
          auto body = read_body(view, finder, sequence);
          if (!body)
            *error = body.error();
          else if (!*body)
            missing->push_back(sequence);
          else
            bodies->push_back(std::move(**body));
        }
      }
      return [this, line = wanted.line, bodies, missing, error] {
        // One that has ended meanwhile may be forgotten already.
        for (auto sequence : *missing)
          if (engine_.look(sequence) != engine::Engine::Known::ended) *error = missing_body(sequence);
        if (*error) return failed(**error);
        engine_.bodies_read(line, std::move(*bodies));
      };
    });
  }
  for (auto& wanted : out.timers) {
    read_later([this, wanted](const store::View& view, std::uint64_t commit) -> Reader::Then {
      auto timers = std::make_shared<std::vector<std::pair<std::string, std::string>>>();
      bool all = true;
      auto from = wanted.from.empty() ? std::string() : wanted.from + '\0';
      auto done =
          view.scan(store::Family::timers, from, {}, [&](std::string_view key, std::string_view value) {
            if (timers->size() == wanted.count) {
              all = false;
              return false;
            }
            timers->emplace_back(key, value);
            return true;
          });
      auto error = std::make_shared<std::optional<Error>>();
      if (!done) *error = done.error();
      return [this, commit, timers, all, error] {
        if (*error) return failed(**error);
        engine_.timers_read(commit, std::move(*timers), all);
      };
    });
  }
  for (auto& wanted : out.lookups) {
    auto sequence = wanted.sequence;
    look_up(sequence, [this, sequence](const engine::LoadedTask& loaded) {
      engine_.looked_up(sequence, loaded);
      push_endings();  // what ended points into what was loaded
    });
  }
  out.pages.clear();
  out.bodies.clear();
  out.timers.clear();
  out.lookups.clear();
}

void Broker::look_up(Sequence sequence, std::function<void(const engine::LoadedTask&)> then) {
  read_later([this, sequence, then = std::move(then)](const store::View& view,
                                                      std::uint64_t commit) -> Reader::Then {
    auto loaded = std::make_shared<engine::LoadedTask>();
    auto error = std::make_shared<std::optional<Error>>();
    {
      BodyFinder finder(view, read_templates_);
      auto task = read_task(view, finder, sequence, false, 0);
      if (!task)
        *error = task.error();
      else if (*task)
        *loaded = loaded_task(**task, commit);
    }
    return [this, then, loaded, error] {
      if (*error) return failed(**error);
      then(*loaded);
    };
  });
}

}  // namespace hirehall::server
