#include "common/where.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "common/options.h"
#include "common/task.h"

namespace hirehall {

struct Where::Node {
  enum class Kind : std::uint8_t { all, any, no, test };
  enum class Operator : std::uint8_t { equal, other, less, at_most, more, at_least, holds, in };
  Kind kind = Kind::test;
  std::vector<Node> parts;  // of all, any and no
  std::string field;
  Operator op = Operator::equal;
  bool numeric = false;
  std::vector<std::string> texts;  // one, or those of `in`
  std::vector<std::int64_t> numbers;

  bool fits(const Look& look) const;
  bool compares(const WhereValue& value) const;
  std::string_view must_be(std::string_view wanted) const;
};

std::string no_state(std::string_view name) {
  std::string out = "no state is named " + std::string(name) + "; there are ";
  for (std::size_t i = 1; i < state_count; ++i)
    out += (i == 1 ? "" : ", ") + std::string(name_of(static_cast<State>(i)));
  for (auto word : {"running", "active", "started", "processing"})
    if (name == word) out += "; what runs is leased";
  for (auto word : {"queued", "pending", "waiting", "enqueued"})
    if (name == word) out += "; what waits is ready or scheduled";
  return out;
}

namespace {

constexpr std::array fields{
    WhereField{"state", WhereShape::state, "scheduled, ready, leased, suspended, succeeded, failed, …",
               "STATE"},
    WhereField{"queue", WhereShape::text, "name of its queue", "QUEUE"},
    WhereField{"tenant", WhereShape::text, "whom it is for", {}},
    WhereField{"type", WhereShape::text, "what is to be done", "TYPE"},
    WhereField{"priority", WhereShape::number, "1 to 10", {}},
    WhereField{"attempt", WhereShape::number, "awards so far", {}},
    WhereField{"failures", WhereShape::number, "failed and timed out attempts", {}},
    WhereField{"losses", WhereShape::number, "lost attempts", {}},
    WhereField{"age", WhereShape::duration, "time since it was submitted: 30s, 5m, 2h, 7d", {}},
    WhereField{"ended", WhereShape::duration, "time since it has ended", {}},
    WhereField{"worker", WhereShape::text, "who runs it", "WORKER"},
    WhereField{"submitter", WhereShape::text, "the principal that submitted it", {}},
    WhereField{"error", WhereShape::text, "the error's code", {}},
    WhereField{"message", WhereShape::text, "the error's text", {}},
    WhereField{"fingerprint", WhereShape::text, "of its error, as `hirehall dead groups` shows it", {}},
    WhereField{"unique_key", WhereShape::text, "its unique key", {}},
    WhereField{"affinity_key", WhereShape::text, "its affinity key", {}},
    WhereField{"batch", WhereShape::text, "the batch that it counts in", "BATCH"},
    WhereField{"description", WhereShape::text, "its description", {}},
    WhereField{"label.", WhereShape::text, "a label: label.customer=7", {}},
};

}  // namespace

// Declared here so that it may name Node, which is private to Where.
struct WhereParser {
  using Node = Where::Node;
  std::string_view text;
  std::size_t at = 0;
  std::size_t tests = 0;
  std::optional<Error> error = {};

  Node fault(std::size_t where, std::string message) {
    if (!error) error = Error{Code::invalid, std::move(message), std::to_string(where), 0};
    at = text.size();
    return {};
  }

  static bool blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
  static bool of_word(char c) {
    return !blank(c) && std::string_view("()=!<>~,'\"").find(c) == std::string_view::npos;
  }
  void skip_blanks() {
    while (at < text.size() && blank(text[at])) ++at;
  }
  std::string_view peek_word() {
    skip_blanks();
    auto end = at;
    while (end < text.size() && of_word(text[end])) ++end;
    return text.substr(at, end - at);
  }
  bool take(std::string_view word) {
    if (peek_word() != word) return false;
    at += word.size();
    return true;
  }
  bool take_sign(std::string_view sign) {
    skip_blanks();
    if (!text.substr(at).starts_with(sign)) return false;
    at += sign.size();
    return true;
  }
  bool done() {
    skip_blanks();
    return at >= text.size();
  }

  Node any_of(std::size_t depth) {
    if (depth > where_depth_max) return fault(at, "parentheses are nested too deep");
    Node all{Node::Kind::any, {}, {}, {}, false, {}, {}};
    do all.parts.push_back(all_of(depth));
    while (!error && take("or"));
    return all.parts.size() == 1 ? Node(all.parts.front()) : all;
  }
  Node all_of(std::size_t depth) {
    Node all{Node::Kind::all, {}, {}, {}, false, {}, {}};
    do all.parts.push_back(one(depth));
    while (!error && (take("and") || take_sign(",")));
    return all.parts.size() == 1 ? Node(all.parts.front()) : all;
  }
  Node one(std::size_t depth) {
    if (take("not")) {
      if (depth > where_depth_max) return fault(at, "`not` is nested too deep");
      Node no{Node::Kind::no, {}, {}, {}, false, {}, {}};
      no.parts.push_back(one(depth + 1));
      return no;
    }
    if (take_sign("(")) {
      auto inner = any_of(depth + 1);
      if (!error && !take_sign(")")) return fault(at, "a ) is missing");
      return inner;
    }
    return test();
  }

  const WhereField* field_named(std::string_view name) const {
    for (const auto& f : fields) {
      bool family = f.name.ends_with('.');
      if (family ? name.starts_with(f.name) && name.size() > f.name.size() : f.name == name) return &f;
    }
    return nullptr;
  }
  Node test() {
    auto begin = (skip_blanks(), at);
    auto name = peek_word();
    if (name.empty())
      return fault(begin, done() ? "a test is missing: FIELD=VALUE" : "here should stand a field");
    if (++tests > where_tests_max)
      return fault(begin, "too many tests: at most " + std::to_string(where_tests_max));
    const auto* field = field_named(name);
    if (field == nullptr) return fault(begin, unknown_field(name));
    at += name.size();
    Node node;
    node.field = name;
    node.numeric = field->shape == WhereShape::number || field->shape == WhereShape::duration;
    skip_blanks();
    auto sign_at = at;
    if (!read_operator(node))
      return fault(sign_at, "behind " + node.field + " should stand = != < <= > >= ~ or in");
    using enum Node::Operator;
    bool ordered = node.op == less || node.op == at_most || node.op == more || node.op == at_least;
    if (ordered && !node.numeric)
      return fault(sign_at, node.field + " has no order: compare it with = != ~ or in");
    if (node.op == holds && node.numeric)
      return fault(sign_at, node.field + " is a number: ~ looks into texts");
    read_values(node, *field);
    return node;
  }
  static std::string unknown_field(std::string_view name) {
    std::string known;
    for (const auto& f : fields) known += (known.empty() ? "" : ", ") + std::string(f.name);
    return "'" + std::string(name) + "' is no field of tasks; there are " + known + "NAME";
  }
  bool read_operator(Node& node) {
    using enum Node::Operator;
    static constexpr std::array<std::pair<std::string_view, Node::Operator>, 7> signs{{{"!=", other},
                                                                                       {"<=", at_most},
                                                                                       {">=", at_least},
                                                                                       {"=", equal},
                                                                                       {"<", less},
                                                                                       {">", more},
                                                                                       {"~", holds}}};
    for (const auto& [sign, op] : signs)
      if (take_sign(sign)) {
        node.op = op;
        return true;
      }
    if (!take("in")) return false;
    node.op = in;
    return true;
  }

  void read_values(Node& node, const WhereField& field) {
    if (node.op != Node::Operator::in) return read_value(node, field);
    if (!take_sign("(")) return static_cast<void>(fault(at, "behind in should stand (VALUE, …)"));
    do read_value(node, field);
    while (!error && take_sign(","));
    if (!error && !take_sign(")")) fault(at, "a ) is missing");
  }
  void read_value(Node& node, const WhereField& field) {
    skip_blanks();
    auto begin = at;
    std::string value;
    if (at < text.size() && (text[at] == '\'' || text[at] == '"')) {
      auto quote = text[at++];
      while (at < text.size() && text[at] != quote) value += text[at++];
      if (at == text.size()) return static_cast<void>(fault(begin, "the quote is not closed"));
      ++at;
    } else {
      value = peek_word();
      at += value.size();
      if (value.empty()) return static_cast<void>(fault(begin, "a value is missing"));
    }
    std::int64_t number = 0;
    auto [end, bad] = std::from_chars(value.data(), value.data() + value.size(), number);
    bool whole = bad == std::errc() && end == value.data() + value.size();
    if (field.shape == WhereShape::state && !state_from_name(value))
      fault(begin, no_state(value));
    else if (field.shape == WhereShape::number && !whole)
      fault(begin, "'" + value + "' is no whole number");
    else if (auto ms = parse_duration(value); field.shape == WhereShape::duration && !ms)
      fault(begin, "'" + value + "' is no duration: give 30s, 5m, 2h, 7d");
    else if (node.numeric)
      node.numbers.push_back(field.shape == WhereShape::duration ? *ms : number);
    else
      node.texts.push_back(std::move(value));
  }
};

std::span<const WhereField> where_fields() {
  return fields;
}

Where::Where() = default;
Where::~Where() = default;
Where::Where(const Where&) = default;
Where& Where::operator=(const Where&) = default;
Where::Where(Where&&) noexcept = default;
Where& Where::operator=(Where&&) noexcept = default;

Result<Where> Where::parse(std::string_view text) {
  if (text.size() > where_bytes_max)
    return fail(Code::invalid, "an expression has at most " + std::to_string(where_bytes_max) + " bytes",
                "0");
  WhereParser parser{text};
  Where out;
  if (parser.done()) return out;
  auto root = parser.any_of(0);
  if (!parser.error && !parser.done())
    parser.fault(parser.at, "between two tests should stand `and` or `or`");
  if (parser.error) return tl::unexpected<Error>(*parser.error);
  out.root_ = std::make_shared<const Node>(std::move(root));
  return out;
}

bool Where::fits(const Look& look) const {
  return root_ == nullptr || root_->fits(look);
}

bool Where::Node::fits(const Look& look) const {
  auto fit = [&](const Node& part) { return part.fits(look); };
  switch (kind) {
    case Kind::all:
      return std::all_of(parts.begin(), parts.end(), fit);
    case Kind::any:
      return std::any_of(parts.begin(), parts.end(), fit);
    case Kind::no:
      return !fit(parts.front());
    case Kind::test:
      break;
  }
  auto value = look(field);
  return value ? compares(*value) : op == Operator::other;
}

bool Where::Node::compares(const WhereValue& value) const {
  using enum Operator;
  if (numeric) {
    const auto* n = std::get_if<std::int64_t>(&value);
    if (n == nullptr) return op == other;
    auto wanted = numbers.front();
    switch (op) {
      case less:
        return *n < wanted;
      case at_most:
        return *n <= wanted;
      case more:
        return *n > wanted;
      case at_least:
        return *n >= wanted;
      default:
        return (std::find(numbers.begin(), numbers.end(), *n) != numbers.end()) != (op == other);
    }
  }
  const auto* t = std::get_if<std::string_view>(&value);
  if (t == nullptr) return op == other;
  if (op == holds) return t->find(texts.front()) != std::string_view::npos;
  return (std::find(texts.begin(), texts.end(), *t) != texts.end()) != (op == other);
}

std::string_view Where::must_be(std::string_view field) const {
  return root_ == nullptr ? std::string_view{} : root_->must_be(field);
}

std::string_view Where::Node::must_be(std::string_view wanted) const {
  if (kind == Kind::test) {
    bool says = field == wanted && op == Operator::equal && !numeric;
    return says ? std::string_view(texts.front()) : std::string_view{};
  }
  if (kind == Kind::all)
    for (const auto& part : parts)
      if (auto value = part.must_be(wanted); !value.empty()) return value;
  return {};
}

std::string where_pointer(std::string_view text, const Error& error) {
  std::size_t offset = 0;
  auto [end, bad] =
      std::from_chars(error.context.data(), error.context.data() + error.context.size(), offset);
  if (bad != std::errc() || end != error.context.data() + error.context.size() || offset > text.size())
    return {};
  return "  " + std::string(text) + "\n  " + std::string(offset, ' ') + "^\n";
}

}  // namespace hirehall
