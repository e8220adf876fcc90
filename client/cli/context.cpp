#include <algorithm>
#include <cstdlib>
#include <ostream>
#include <utility>

#include "client/cli/command.h"
#include "client/cli/reading.h"
#include "client/cli/screen.h"
#include "client/src/inner.h"

namespace hirehall::cli {

int exit_code_of(client::ErrorCode code) {
  using enum client::ErrorCode;
  switch (code) {
    case not_found:
    case expired:
      return Exit::not_found;
    case denied:
      return Exit::denied;
    case conflict:
    case not_unique:
    case already_started:
    case terminal:
      return Exit::conflict;
    case timeout:
      return timed_out;
    case unreachable:
    case unavailable:
      return Exit::unreachable;
    case bad_answer:
    case invalid:
      return usage;
    default:
      return failure;
  }
}

int exit_code_of(client::State state) {
  switch (state) {
    case client::State::succeeded:
      return ok;
    case client::State::failed:
      return task_failed;
    case client::State::cancelled:
      return task_cancelled;
    case client::State::expired:
      return task_expired;
    default:
      return timed_out;
  }
}

Context::Context(OptionValues values, std::ostream& out, std::ostream& err)
    : values_(std::move(values)), out_(&out), err_(&err) {
  const auto& o = values_.text("output");
  format_ = o == "json"    ? Format::json
            : o == "jsonl" ? Format::jsonl
            : o == "none"  ? Format::none
                           : Format::text;
  const auto& color = values_.text("color");
  const char* no_color = std::getenv("NO_COLOR");  // no-color.org: set and not empty
  bool wanted =
      color == "always" || (color == "auto" && is_terminal(out) && (no_color == nullptr || *no_color == 0));
  coloured_ = wanted && format_ == Format::text;
  if (is_terminal(out)) room_ = screen_size().columns;
}

int Context::captured(std::ostream& into, int (*command)(Context&)) {
  auto* out = std::exchange(out_, &into);
  auto* err = std::exchange(err_, &into);
  int code = command(*this);
  out_ = out;
  err_ = err;
  return code;
}

bool Context::err_is_terminal() const {
  return is_terminal(*err_);
}

client::Result<client::Client*> Context::client() {
  if (client_) return client_.get();
  auto o = connection(values_);
  o.name = "hirehall";
  auto made = client::Client::connect(std::move(o));
  if (!made) return tl::unexpected(made.error());
  client_ = std::make_unique<client::Client>(std::move(*made));
  return client_.get();
}

client::Result<Document> Context::ask(std::uint16_t kind, std::string body) {
  auto c = client();
  if (!c) return tl::unexpected(c.error());
  auto answer = (*c)->inner().call(static_cast<wire::Kind>(kind), std::move(body));
  if (!answer) return tl::unexpected(answer.error());
  return Document::from_body(*answer);
}

int Context::complain(const client::Error& error) {
  *err_ << "hirehall: " << for_terminal(error.message, true);
  if (!error.context.empty()) *err_ << " (" << for_terminal(error.context, true) << ")";
  *err_ << " [" << name_of(error.code) << "]\n";
  return exit_code_of(error.code);
}

int Context::complain(std::string_view message, int code) {
  *err_ << "hirehall: " << message << "\n";
  return code;
}

int Context::show(const Document& object) {
  switch (format_) {
    case Format::json:
      *out_ << object.json(true) << "\n";
      break;
    case Format::jsonl:
      *out_ << object.json(false) << "\n";
      break;
    case Format::text:
      *out_ << render_object(object, coloured_, room_);
      break;
    case Format::none:
      break;
  }
  return ok;
}

int Context::show(const std::vector<Document>& objects, std::string_view columns) {
  switch (format_) {
    case Format::json:
      *out_ << json_array(objects) << "\n";
      break;
    case Format::jsonl:
      for (const auto& o : objects) *out_ << o.json(false) << "\n";
      break;
    case Format::text:
      *out_ << render_table(objects, columns, coloured_, room_);
      if (objects.empty() && room_ != 0) *err_ << "(none)\n";
      break;
    case Format::none:
      break;
  }
  return ok;
}

}  // namespace hirehall::cli
