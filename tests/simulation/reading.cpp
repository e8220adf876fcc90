#include "tests/simulation/reading.h"

#include "common/msgpack.h"
#include "tests/simulation/violation.h"

namespace hirehall::sim {
namespace {

using msgpack::Reader;

void all_read(const Reader& r, const char* what) {
  if (!r.finished()) violated("I15", std::string("a frame is not what the protocol says: ") + what);
}

void read_history(Reader& r, ReadTask& task) {
  auto n = r.array();
  for (std::size_t i = 0; i < n && r.ok(); ++i) {
    auto pairs = r.map();
    for (std::size_t k = 0; k < pairs && r.ok(); ++k) {
      if (r.str() != "outcome") {
        r.skip();
        continue;
      }
      auto outcome = r.str();
      task.lost_attempts += outcome == "lost";
      task.failed_attempts += outcome == "failed" || outcome == "timed_out";
    }
  }
}

void read_question(Reader& r, ReadFinish::Item& item) {
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    if (key == "default")
      item.default_answer = std::string(r.bin());
    else if (key == "timeout_ms")
      item.lapses = r.sint() != 0;
    else
      r.skip();
  }
}

ReadTask task_of(Reader& r) {
  ReadTask task;
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    if (key == "id")
      task.id = r.bin();
    else if (key == "payload")
      task.payload = r.bin();
    else if (key == "state")
      task.state = state_from_name(r.str());
    else if (key == "queue")
      task.queue = r.str();
    else if (key == "tenant")
      task.tenant = r.str();
    else if (key == "type")
      task.type = r.str();
    else if (key == "suspended_on")
      task.suspended_on = r.str();
    else if (key == "result")
      task.result = r.bin();
    else if (key == "attempt")
      task.attempts = r.uint();
    else if (key == "failures")
      task.failures = r.uint();
    else if (key == "losses")
      task.losses = r.uint();
    else if (key == "submitted_at")
      task.submitted_at = r.sint();
    else if (key == "finished_at")
      task.finished_at = r.sint();
    else if (key == "decisions") {
      task.decisions = r.array();
      for (std::size_t k = 0; k < task.decisions && r.ok(); ++k) r.skip();
    } else if (key == "history")
      read_history(r, task);
    else if (key == "error") {
      auto n = r.map();
      for (std::size_t k = 0; k < n && r.ok(); ++k) {
        if (r.str() == "code")
          task.error_code = r.str();
        else
          r.skip();
      }
    } else
      r.skip();
  }
  return task;
}

}  // namespace

ReadSubmit read_submit(std::string_view body) {
  ReadSubmit out;
  Reader r(body);
  auto elements = r.array();
  out.batch = r.uint();
  r.skip();
  r.skip();
  auto items = r.array();
  for (std::size_t i = 0; i < items && r.ok(); ++i) {
    auto fields = r.array();
    r.skip();
    out.payloads.emplace_back(r.bin());
    for (std::size_t k = 2; k < fields && r.ok(); ++k) r.skip();
  }
  if (elements > 4) out.atomic = r.boolean();
  all_read(r, "submit");
  return out;
}

ReadSubmitted read_submitted(std::string_view body) {
  ReadSubmitted out;
  Reader r(body);
  auto n = r.array();
  for (std::size_t i = 0; i < n && r.ok(); ++i) {
    auto& answer = out.answers.emplace_back();
    r.array();
    answer.request = r.uint();
    r.uint();
    auto items = r.array();
    for (std::size_t k = 0; k < items && r.ok(); ++k) {
      auto& item = answer.items.emplace_back();
      if (r.peek() == msgpack::Kind::array) {
        r.array();
        item.code = static_cast<Code>(r.uint());
        r.str();
        if (!r.skip_nil()) item.id = r.bin();
      } else {
        item.id = r.bin();
      }
    }
  }
  all_read(r, "submitted");
  return out;
}

ReadAward read_award(std::string_view body) {
  ReadAward out;
  struct Shape {
    std::string type, queue, tenant;
  };
  std::vector<Shape> shapes;
  Reader r(body);
  r.array();
  out.number = r.uint();
  auto n = r.array();
  for (std::size_t i = 0; i < n && r.ok(); ++i) {
    auto& s = shapes.emplace_back();
    r.array();
    s.type = r.str();
    r.str(), r.str();
    s.queue = r.str();
    s.tenant = r.str();
    r.sint();
  }
  n = r.array();
  for (std::size_t i = 0; i < n && r.ok(); ++i) {
    auto& item = out.items.emplace_back();
    auto fields = r.array();
    item.token = r.uint();
    item.id = r.bin();
    item.attempt = static_cast<std::uint32_t>(r.uint());
    auto shape = r.uint();
    item.payload = r.bin();
    if (fields > 5) {
      auto pairs = r.map();
      for (std::size_t k = 0; k < pairs && r.ok(); ++k) {
        auto key = r.str();
        if (key == "checkpoint")
          item.checkpoint = r.bin();
        else if (key == "answer")
          item.answer = r.bin();
        else if (key == "trace")
          item.trace = r.str();
        else if (key == "trace_origin")
          item.origin = r.str();
        else if (key == "tracestate")
          item.tracestate = r.str();
        else if (key == "baggage")
          item.baggage = r.str();
        else if (key == "features")
          item.features = r.raw();
        else
          r.skip();
      }
    }
    if (shape >= shapes.size()) violated("I15", "an award names a shape that is not there");
    item.type = shapes[shape].type;
    item.queue = shapes[shape].queue;
    item.tenant = shapes[shape].tenant;
  }
  all_read(r, "award");
  return out;
}

ReadFinish read_finish(std::string_view body) {
  ReadFinish out;
  Reader r(body);
  r.array();
  r.uint();
  auto n = r.array();
  for (std::size_t i = 0; i < n && r.ok(); ++i) {
    auto& item = out.items.emplace_back();
    auto fields = r.array();
    item.token = r.uint();
    item.outcome = static_cast<Outcome>(r.uint());
    if (fields > 2 && !r.skip_nil()) item.result = r.bin();
    if (fields > 3 && !r.skip_nil()) {
      auto pairs = r.map();
      for (std::size_t k = 0; k < pairs && r.ok(); ++k) {
        auto key = r.str();
        if (key == "delay_ms")
          item.delay_ms = r.sint();
        else if (key == "checkpoint")
          item.checkpoint = r.bin();
        else if (key == "question")
          read_question(r, item);
        else if (key == "usage")
          r.map(), r.str(), item.units = r.uint();
        else if (key == "started_at")
          item.started = r.sint();
        else if (key == "ended_at")
          item.ended = r.sint();
        else
          r.skip();
      }
    }
  }
  out.number = r.uint();
  r.uint();
  all_read(r, "finish");
  return out;
}

ReadReport read_report(std::string_view body) {
  ReadReport out;
  Reader r(body);
  auto n = r.array();
  for (std::size_t i = 0; i < n && r.ok(); ++i) {
    auto& item = out.items.emplace_back();
    r.array();
    item.token = r.uint();
    if (r.str() == "checkpoint")
      item.checkpoint = r.bin();
    else
      r.skip();
  }
  all_read(r, "report");
  return out;
}

std::vector<std::pair<std::size_t, Code>> read_refusals(std::string_view body) {
  std::vector<std::pair<std::size_t, Code>> out;
  Reader r(body);
  auto n = r.array();
  for (std::size_t i = 0; i < n && r.ok(); ++i) {
    r.array();
    auto index = r.uint();
    out.emplace_back(index, static_cast<Code>(r.uint()));
  }
  all_read(r, "refusals");
  return out;
}

std::vector<ReadEnding> read_results(std::string_view body) {
  std::vector<ReadEnding> out;
  Reader r(body);
  auto elements = r.array();
  r.uint(), r.uint(), r.uint();
  auto n = r.array();
  for (std::size_t i = 0; i < n && r.ok(); ++i) {
    auto& item = out.emplace_back();
    auto fields = r.array();
    item.id = r.bin();
    item.state = static_cast<State>(r.uint());
    if (fields > 2 && !r.skip_nil()) item.result = r.bin();
    for (std::size_t k = 3; k < fields && r.ok(); ++k) r.skip();
  }
  for (std::size_t i = 4; i < elements && r.ok(); ++i) r.skip();
  all_read(r, "results");
  return out;
}

ReadTask read_task(std::string_view body) {
  Reader r(body);
  auto task = task_of(r);
  all_read(r, "task");
  if (!task.state) violated("I15", "a task map has no state");
  return task;
}

ReadPage read_page(std::string_view body) {
  ReadPage out;
  Reader r(body);
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    if (key == "tasks") {
      auto n = r.array();
      for (std::size_t k = 0; k < n && r.ok(); ++k) out.tasks.push_back(task_of(r));
    } else if (key == "cursor") {
      if (!r.skip_nil()) out.cursor = r.bin();
    } else {
      r.skip();
    }
  }
  all_read(r, "list");
  return out;
}

std::string read_id(std::string_view body) {
  std::string id;
  Reader r(body);
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    if (r.str() == "id")
      id = r.bin();
    else
      r.skip();
  }
  return id;
}

std::string read_text(std::string_view body, std::string_view wanted) {
  std::string text;
  Reader r(body);
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    if (r.str() == wanted)
      text = r.bin();
    else
      r.skip();
  }
  return text;
}

std::uint64_t read_number(std::string_view body, std::string_view path) {
  auto slash = path.find('/');
  auto name = path.substr(0, slash);
  Reader r(body);
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    auto value = r.raw();
    if (key != name) continue;
    if (slash != std::string_view::npos) return read_number(value, path.substr(slash + 1));
    return Reader(value).uint();
  }
  violated("I15", "a map has no " + std::string(path));
}

std::vector<ReadBulk> read_bulks(std::string_view body) {
  std::vector<ReadBulk> out;
  msgpack::Reader r(body);
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    if (r.str() != "bulks") {
      r.skip();
      continue;
    }
    auto n = r.array();
    for (std::size_t k = 0; k < n && r.ok(); ++k) {
      auto& bulk = out.emplace_back();
      auto fields = r.map();
      for (std::size_t f = 0; f < fields && r.ok(); ++f) {
        auto key = r.str();
        if (key == "bulk")
          bulk.number = r.uint();
        else if (key == "state")
          bulk.state = r.str();
        else
          r.skip();
      }
    }
  }
  return out;
}

namespace {

ReadBatch read_batch(msgpack::Reader& r) {
  ReadBatch out;
  auto fields = r.map();
  for (std::size_t f = 0; f < fields && r.ok(); ++f) {
    auto key = r.str();
    if (key == "batch")
      out.batch = r.str();
    else if (key == "tenant")
      out.tenant = r.str();
    else if (key == "state")
      out.state = r.str();
    else if (key == "total")
      out.total = r.uint();
    else if (key == "open")
      out.open = r.uint();
    else if (auto state = state_from_name(key); state)
      out.ended[*state] = r.uint();
    else if (key == "completion" && !r.skip_nil())
      out.completion = r.bin();
    else if (key != "completion")
      r.skip();
  }
  return out;
}

}  // namespace

ReadBatch read_batch(std::string_view body) {
  msgpack::Reader r(body);
  return read_batch(r);
}

std::vector<ReadBatch> read_batches(std::string_view body) {
  std::vector<ReadBatch> out;
  msgpack::Reader r(body);
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    if (r.str() != "batches") {
      r.skip();
      continue;
    }
    auto n = r.array();
    for (std::size_t k = 0; k < n && r.ok(); ++k) out.push_back(read_batch(r));
  }
  return out;
}

std::vector<ReadLogLine> read_log_lines(std::string_view body) {
  std::vector<ReadLogLine> out;
  msgpack::Reader r(body);
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    if (r.str() != "lines") {
      r.skip();
      continue;
    }
    auto n = r.array();
    for (std::size_t k = 0; k < n && r.ok(); ++k) {
      auto fields = r.array();
      auto& line = out.emplace_back();
      line.position = r.uint();
      for (std::size_t f = 1; f + 1 < fields && r.ok(); ++f) r.skip();
      line.text = r.bin();
    }
  }
  return out;
}

std::uint64_t read_units(std::string_view body) {
  std::uint64_t units = 0;
  Reader r(body);
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    if (r.str() != "usage") {
      r.skip();
      continue;
    }
    auto rows = r.array();
    for (std::size_t k = 0; k < rows && r.ok(); ++k) {
      auto fields = r.map();
      for (std::size_t f = 0; f < fields && r.ok(); ++f) {
        if (r.str() != "usage") {
          r.skip();
          continue;
        }
        auto amounts = r.map();
        for (std::size_t a = 0; a < amounts && r.ok(); ++a)
          if (r.str() == "units")
            units += r.uint();
          else
            r.skip();
      }
    }
  }
  all_read(r, "usage");
  return units;
}

}  // namespace hirehall::sim
