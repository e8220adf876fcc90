#include "broker/server/question.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "common/limits.h"
#include "common/msgpack.h"

namespace hirehall::server {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 5> type_names{"text", "integer", "number", "boolean", "choice"};
constexpr std::size_t options_max = 100, fields_max = 100;

tl::unexpected<Error> wrong(std::string what) {
  return fail(Code::invalid, std::move(what), "question");
}

tl::unexpected<Error> unfit(std::string what, std::string context = "value") {
  return fail(Code::bad_answer, std::move(what), std::move(context));
}

std::vector<std::string> read_texts(msgpack::Reader& r) {
  std::vector<std::string> out;
  auto n = r.array();
  for (std::size_t i = 0; i < n && r.ok(); ++i) out.emplace_back(r.str());
  return out;
}

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

Status read_field(msgpack::Reader& r, FormField& field) {
  if (r.peek() != msgpack::Kind::map) return wrong("the field '" + field.name + "' of the form is not a map");
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    if (key == "type") {
      auto name = r.str();
      const auto* at = std::find(type_names.begin(), type_names.end(), name);
      if (at == type_names.end())
        return wrong("the field '" + field.name + "' has the type '" + std::string(name) +
                     "'; accepted: text, integer, number, boolean, choice");
      field.type = static_cast<FieldType>(at - type_names.begin());
    } else if (key == "required") {
      field.required = r.boolean();
    } else if (key == "options") {
      field.options = read_texts(r);
    } else if (key == "min") {
      field.low = r.real();
    } else if (key == "max") {
      field.high = r.real();
    } else {
      r.skip();
    }
  }
  if (!r.ok()) return wrong("the field '" + field.name + "' has a value of the wrong type");
  if (field.type == FieldType::choice && (field.options.empty() || field.options.size() > options_max))
    return wrong("the choice '" + field.name + "' has 1 to 100 options");
  if (field.low && field.high && *field.low > *field.high)
    return wrong("the field '" + field.name + "' has a min above its max");
  return {};
}

Status read_form(msgpack::Reader& r, std::vector<FormField>& form) {
  auto n = r.map();
  if (n > fields_max) return wrong("a form has at most 100 fields");
  for (std::size_t i = 0; i < n && r.ok(); ++i) {
    auto& field = form.emplace_back();
    field.name = r.str();
    if (auto read = read_field(r, field); !read) return read;
  }
  return {};
}

Status in_range(const FormField& field, double value, const char* of) {
  if ((!field.low || value >= *field.low) && (!field.high || value <= *field.high)) return {};
  auto number = [](const std::optional<double>& v) { return v ? json(*v).dump() : std::string("any"); };
  return unfit(std::string(of) + " of '" + field.name + "' is " + json(value).dump() +
                   "; accepted: " + number(field.low) + " to " + number(field.high),
               field.name);
}

Status field_fits(const FormField& field, const json& value) {
  auto takes = [&](const std::string& what) {
    return unfit("'" + field.name + "' takes " + what, field.name);
  };
  switch (field.type) {
    case FieldType::text:
      if (!value.is_string()) return takes("a text");
      return in_range(field, static_cast<double>(value.get_ref<const std::string&>().size()), "the length");
    case FieldType::integer:
      if (!value.is_number_integer()) return takes("a whole number");
      return in_range(field, value.get<double>(), "the value");
    case FieldType::number:
      if (!value.is_number()) return takes("a number");
      return in_range(field, value.get<double>(), "the value");
    case FieldType::boolean:
      return value.is_boolean() ? Status{} : takes("true or false");
    case FieldType::choice:
      if (value.is_string() &&
          std::ranges::find(field.options, value.get<std::string>()) != field.options.end())
        return {};
      return takes("one of: " + listed(field.options));
  }
  return {};
}

Status form_fits(const std::vector<FormField>& form, const json& answer) {
  std::vector<std::string> names;
  for (const auto& field : form) names.push_back(field.name);
  if (!answer.is_object()) return unfit("the answer is an object with the fields: " + listed(names));
  for (const auto& [name, value] : answer.items())
    if (std::ranges::find(names, name) == names.end())
      return unfit("the form has no field '" + name + "'; it has: " + listed(names), name);
  for (const auto& field : form) {
    auto at = answer.find(field.name);
    if (at == answer.end() || at->is_null()) {
      if (field.required) return unfit("the field '" + field.name + "' is missing", field.name);
      continue;
    }
    if (auto good = field_fits(field, *at); !good) return good;
  }
  return {};
}

}  // namespace

Result<Question> read_question(std::string_view encoded) {
  Question out;
  if (encoded.empty()) return out;
  if (encoded.size() > limits::question_bytes_max) return wrong("a question has at most 64 KiB");
  msgpack::Reader r(encoded);
  if (r.peek() != msgpack::Kind::map) return wrong("a question is a map");
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    if (r.skip_nil()) continue;
    if (key == "question") {
      out.text = r.str();
    } else if (key == "options") {
      out.options = read_texts(r);
    } else if (key == "form") {
      if (auto read = read_form(r, out.form); !read) return tl::unexpected<Error>(read.error());
    } else if (key == "timeout_ms") {
      out.timeout_ms = r.sint();
    } else if (key == "default") {
      out.default_answer = std::string(r.bin());
    } else if (key == "who") {
      out.who = read_texts(r);
    } else if (key == "stage" || key == "on" || key == "asked_at" || key == "due_at") {
      return wrong("'" + std::string(key) + "' is for the broker to say");
    } else {
      r.skip();
    }
  }
  if (!r.finished()) return wrong("a value of the question has the wrong type");
  if (out.options.size() > options_max) return wrong("a question has at most 100 options");
  if (!out.options.empty() && !out.form.empty()) return wrong("a question has options or a form, not both");
  if (out.who.size() > limits::approvers_max) return wrong("at most 32 can be named in who");
  if (out.timeout_ms < 0 || out.timeout_ms > limits::question_timeout_max_ms)
    return wrong("timeout_ms is " + std::to_string(out.timeout_ms) + "; accepted: 0 to a year");
  if (out.default_answer && out.timeout_ms == 0)
    return wrong("a default is for when the time is over: give timeout_ms");
  if (out.default_answer)
    if (auto good = fits(out, *out.default_answer); !good)
      return wrong("the default is no answer to the question: " + good.error().message);
  return out;
}

Status fits(const Question& question, std::string_view answer) {
  if (question.options.empty() && question.form.empty()) return {};
  auto value = json::parse(answer, nullptr, false);
  if (value.is_discarded()) return unfit("the answer is not JSON; texts stand in quotes");
  if (!question.form.empty()) return form_fits(question.form, value);
  if (value.is_string() &&
      std::ranges::find(question.options, value.get<std::string>()) != question.options.end())
    return {};
  return unfit("the answer is one of: " + listed(question.options));
}

}  // namespace hirehall::server
