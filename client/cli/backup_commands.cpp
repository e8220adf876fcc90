// backup create, list, verify, delete: the broker works, this looks on.
#include <charconv>
#include <chrono>
#include <ostream>
#include <thread>

#include "client/cli/command.h"
#include "client/cli/progress.h"
#include "client/src/body.h"
#include "common/error.h"
#include "common/wire.h"

namespace hirehall::cli {
namespace {

using client::Body;

constexpr std::string_view backup_columns =
    "backup,began_at,took_ms,commit,incarnation,bytes,copied_bytes,damage";
constexpr std::chrono::milliseconds look_every{100};

client::Result<Document> ask_about(Context& c, wire::Kind kind, std::int64_t backup) {
  Body b;
  if (backup != 0) b.number("backup", backup);
  return c.ask(static_cast<std::uint16_t>(kind), b.take());
}

std::string size_text(std::int64_t bytes) {
  constexpr std::int64_t mebibyte = 1 << 20;
  return bytes < mebibyte ? std::to_string(bytes) + " bytes" : std::to_string(bytes / mebibyte) + " MiB";
}

// Until the job has ended: its last words. An error of the job is an error of the command.
client::Result<Document> look_on(Context& c, std::int64_t job, const std::string& what) {
  ProgressBar bar(c.err(), what, c.coloured());
  for (;;) {
    auto status = ask_about(c, wire::Kind::backup_status, 0);
    if (!status) return status;
    if (status->number("job") != job)
      return tl::unexpected(
          client::Error{client::ErrorCode::conflict,
                        "another backup job has begun since; `hirehall backup list` shows what "
                        "became of this one",
                        what});
    const auto done = status->number("bytes_done");
    const auto total = status->number("bytes_total");
    bar.show(static_cast<std::uint64_t>(done), static_cast<std::uint64_t>(total),
             size_text(done) + " of " + size_text(total));
    if (status->text("running") == "true") {
      std::this_thread::sleep_for(look_every);
      continue;
    }
    if (!status->has("error")) return status;
    const auto error = status->child("error");
    return tl::unexpected(client::Error{static_cast<client::ErrorCode>(code_from_name(error.text("code"))),
                                        error.text("message"), error.text("context")});
  }
}

client::Result<Document> job(Context& c, wire::Kind kind, std::int64_t backup, const std::string& what) {
  auto begun = ask_about(c, kind, backup);
  if (!begun) return begun;
  return look_on(c, begun->number("job"), what);
}

// 0: it is no number.
std::int64_t backup_number(Context& c) {
  if (c.operands().empty()) return 0;
  const auto& text = c.operands()[0];
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && number > 0 ? number : 0;
}

int done_with(Context& c, wire::Kind kind, const std::string& what, std::string_view outcome) {
  const auto number = backup_number(c);
  if (number == 0)
    return c.complain("the number of the backup is missing: `hirehall backup list` shows them");
  auto ended = job(c, kind, number, what);
  if (!ended) return c.complain(ended.error());
  Document d;
  d.set("backup", number);
  d.set("outcome", outcome);
  return c.show(d);
}

}  // namespace

int backup_create(Context& c) {
  auto ended = job(c, wire::Kind::backup_create, 0, "backup");
  if (!ended) return c.complain(ended.error());
  auto made = ended->child("made");
  std::string removed;
  for (const auto& one : ended->items("removed")) removed += (removed.empty() ? "" : ", ") + one.text("");
  if (!removed.empty()) c.err() << "older backups removed: " << removed << "\n";
  return c.show(made);
}

int backup_list(Context& c) {
  auto answer = ask_about(c, wire::Kind::backup_list, 0);
  if (!answer) return c.complain(answer.error());
  return c.show(answer->items("backups"), backup_columns);
}

int backup_verify(Context& c) {
  return done_with(c, wire::Kind::backup_verify, "verify", "sound");
}

int backup_delete(Context& c) {
  return done_with(c, wire::Kind::backup_delete, "delete", "deleted");
}

}  // namespace hirehall::cli
