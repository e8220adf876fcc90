#include "client/cli/health.h"

#include <algorithm>

#include "common/options.h"

namespace hirehall::cli {
namespace {

Verdict beyond(std::int64_t value, std::int64_t warning, std::int64_t critical) {
  if (critical > 0 && value > critical) return Verdict::critical;
  return warning > 0 && value > warning ? Verdict::warning : Verdict::fine;
}

// Whole seconds are exact enough for an age of minutes.
std::string age(std::int64_t ms) {
  return ms < 10'000 ? render_duration(ms) : std::to_string(ms / 1000) + "s";
}

Finding store_finding(const Document& stats) {
  if (!stats.has("admits_submits"))
    return {"store", Verdict::unknown, "this broker does not say whether it takes submits", 0, {}};
  bool admits = stats.text("admits_submits") == "true";
  return {"store",
          admits ? Verdict::fine : Verdict::critical,
          admits ? "submits are taken" : "submits are refused until disk space is freed",
          stats.number("free_bytes"),
          {}};
}

Finding oldest_finding(const std::vector<Document>& queues, const HealthLimits& limits) {
  Finding f{"oldest_ready", Verdict::fine, "no task waits", 0, "ms"};
  for (const auto& q : queues) {
    // A paused queue grows old because somebody wants it to.
    if (q.text("paused") == "true" || q.number("ready") == 0) continue;
    auto oldest = q.number("oldest_ready_ms");
    if (oldest < f.value) continue;
    f.value = oldest;
    f.message = "the oldest ready task has waited " + age(oldest) + " in " + q.text("queue");
  }
  f.verdict = beyond(f.value, limits.oldest_warning_ms, limits.oldest_critical_ms);
  return f;
}

Finding dead_finding(const std::vector<Document>& queues, const HealthLimits& limits) {
  Finding f{"dead", Verdict::fine, {}, 0, {}};
  std::string most;
  std::int64_t of_most = 0;
  for (const auto& q : queues) {
    f.value += q.number("dead");
    if (q.number("dead") > of_most) of_most = q.number("dead"), most = q.text("queue");
  }
  f.message = std::to_string(f.value) + (f.value == 1 ? " dead letter" : " dead letters") +
              (most.empty() ? "" : ", most in " + most);
  f.verdict = beyond(f.value, limits.dead_warning, limits.dead_critical);
  return f;
}

Finding worker_finding(const std::vector<Document>& workers, const HealthLimits& limits) {
  Finding f{"workers", Verdict::fine, {}, 0, {}};
  for (const auto& w : workers) f.value += w.text("connected") == "true" && w.text("draining") != "true";
  f.message = std::to_string(f.value) + (f.value == 1 ? " worker takes tasks" : " workers take tasks");
  if (f.value >= limits.workers_min) return f;
  f.verdict = f.value == 0 ? Verdict::critical : Verdict::warning;
  f.message +=
      ", " + std::to_string(limits.workers_min) + (limits.workers_min == 1 ? " is wanted" : " are wanted");
  return f;
}

Finding breaker_finding(const std::vector<Document>& breakers) {
  Finding f{"breakers", Verdict::fine, "no breaker is open", 0, {}};
  std::string names;
  for (const auto& b : breakers) {
    if (b.text("state") == "closed") continue;
    names += (f.value++ == 0 ? "" : ", ") + b.text("kind") + " " + b.text("name") + " " + b.text("state");
  }
  if (f.value == 0) return f;
  f.verdict = Verdict::warning;
  f.message =
      std::to_string(f.value) + (f.value == 1 ? " breaker is" : " breakers are") + " not closed: " + names;
  return f;
}

// Of a broker that keeps backups.
Finding backup_finding(std::int64_t age_ms, std::int64_t uptime_ms, const HealthLimits& limits) {
  if (age_ms < 0)
    return {"backup", beyond(uptime_ms, limits.backup_warning_ms, limits.backup_critical_ms),
            "no backup was made yet", uptime_ms, "ms"};
  return {"backup", beyond(age_ms, limits.backup_warning_ms, limits.backup_critical_ms),
          "the newest backup is " + age(age_ms) + " old", age_ms, "ms"};
}

std::string upper(std::string_view text) {
  std::string out;
  for (char c : text) out += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return out;
}

// Names of queues stand in messages: nothing of theirs ends the line or opens the performance data.
std::string one_line(std::string text) {
  for (auto& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '|') c = ' ';
  return text;
}

}  // namespace

std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::fine:
      return "ok";
    case Verdict::warning:
      return "warning";
    case Verdict::critical:
      return "critical";
    case Verdict::unknown:
      break;
  }
  return "unknown";
}

Finding found_unreachable(const std::string& why) {
  return {"broker", Verdict::critical, why, 0, "ms"};
}

std::vector<Finding> findings(const Document& stats, const std::vector<Document>& queues,
                              const std::vector<Document>& workers, std::int64_t answered_ms,
                              const HealthLimits& limits, const std::vector<Document>& breakers) {
  std::vector<Finding> all{
      {"broker", Verdict::fine, "answers within " + std::to_string(answered_ms) + "ms", answered_ms, "ms"},
      store_finding(stats),
      oldest_finding(queues, limits),
      worker_finding(workers, limits),
      dead_finding(queues, limits)};
  if (!breakers.empty()) all.push_back(breaker_finding(breakers));
  if (stats.has("backup_age_ms"))
    all.push_back(backup_finding(stats.number("backup_age_ms"), stats.number("uptime_ms"), limits));
  return all;
}

Verdict worst_of(const std::vector<Finding>& all) {
  // Unknown weighs less than a known fault.
  auto weight = [](Verdict v) {
    return v == Verdict::fine ? 0 : v == Verdict::unknown ? 1 : static_cast<int>(v) + 1;
  };
  auto worst = Verdict::fine;
  for (const auto& f : all)
    if (weight(f.verdict) > weight(worst)) worst = f.verdict;
  return worst;
}

Document health_document(const std::vector<Finding>& all) {
  Document d, checks;
  d.set("status", name_of(worst_of(all)));
  for (const auto& f : all) {
    Document one;
    one.set("status", name_of(f.verdict)).set("message", f.message).set("value", f.value);
    checks.set(f.check, one);
  }
  d.set("checks", checks);
  return d;
}

std::string health_nagios(const std::vector<Finding>& all) {
  auto worst = worst_of(all);
  std::string faults, data;
  for (const auto& f : all) {
    if (f.verdict == worst) faults += (faults.empty() ? "" : "; ") + one_line(f.message);
    data += " " + f.check + "=" + std::to_string(f.value) + std::string(f.unit);
  }
  return "HIREHALL " + upper(name_of(worst)) + " - " + faults + " |" + data + "\n";
}

std::string health_prometheus(const std::vector<Finding>& all) {
  std::string out =
      "# HELP hirehall_check_status Verdict of hirehall check: 0 ok, 1 warning, 2 critical, 3 unknown.\n"
      "# TYPE hirehall_check_status gauge\n";
  for (const auto& f : all)
    out += "hirehall_check_status{check=\"" + f.check + "\"} " + std::to_string(static_cast<int>(f.verdict)) +
           "\n";
  auto gauge = [&](const std::string& name, const std::string& help, const std::string& value) {
    out += "# HELP " + name + " " + help + "\n# TYPE " + name + " gauge\n" + name + " " + value + "\n";
  };
  auto seconds = [](std::int64_t ms) {
    auto rest = std::to_string(ms % 1000);
    return std::to_string(ms / 1000) + "." + std::string(3 - rest.size(), '0') + rest;
  };
  for (const auto& f : all) {
    if (f.check == "oldest_ready")
      gauge("hirehall_check_oldest_ready_seconds",
            "Age of the oldest ready task of queues that are not paused.", seconds(f.value));
    if (f.check == "workers")
      gauge("hirehall_check_workers", "Workers that take tasks.", std::to_string(f.value));
    if (f.check == "dead")
      gauge("hirehall_check_dead_letters", "Dead letters of all queues.", std::to_string(f.value));
  }
  return out;
}

}  // namespace hirehall::cli
