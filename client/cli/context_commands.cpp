// context list, show, set, use, forget.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <ostream>

#include "client/cli/contexts.h"

namespace hirehall::cli {
namespace {

Document shown(const NamedContext& context, const ContextBook& book) {
  Document d;
  d.set("name", context.name);
  d.set_bool("used", context.name == book.current);
  d.set("broker", context.broker);
  d.set("tenant", context.tenant);
  d.set("key_file", context.key_file);
  d.set("server_key_file", context.server_key_file);
  return d;
}

bool is_name(const std::string& name) {
  auto fits = [](unsigned char c) { return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-'; };
  return !name.empty() && name[0] != '-' && std::all_of(name.begin(), name.end(), fits);
}

int unknown(Context& c, const std::string& name) {
  return c.complain("there is no context '" + name + "'; `hirehall context list` shows those there are",
                    not_found);
}

int keep(Context& c, const ContextBook& book, const Document& result) {
  if (auto s = write_contexts(book); !s) return c.complain(s.error());
  return c.show(result);
}

// A variable goes before the context, with whatever keys it has.
void warn_of_variable(Context& c) {
  const char* broker = std::getenv("HIREHALL_BROKER");
  if (broker != nullptr && *broker != 0)
    c.err() << "hirehall: HIREHALL_BROKER is set in this shell and goes before every context; unset it\n";
}

}  // namespace

void declare_context_set(OptionTable& t) {
  t.text("tenant", "", "for whom `task` commands work unless they say", "TENANT");
}

int context_list(Context& c) {
  auto book = read_contexts();
  if (!book) return c.complain(book.error());
  std::vector<Document> all;
  for (const auto& context : book->contexts) all.push_back(shown(context, *book));
  return c.show(all, "name,used,broker,tenant");
}

int context_show(Context& c) {
  auto book = read_contexts();
  if (!book) return c.complain(book.error());
  auto name = c.operands().empty() ? book->current : c.operands()[0];
  if (name.empty())
    return c.complain("no context is used; `hirehall context use NAME` changes that", not_found);
  const auto* found = book->find(name);
  return found == nullptr ? unknown(c, name) : c.show(shown(*found, *book));
}

int context_set(Context& c) {
  if (c.operands().empty()) return c.complain("the name of the context is missing");
  const auto& name = c.operands()[0];
  if (!is_name(name)) return c.complain("the name of a context is made of letters, digits, '.', '_' and '-'");
  auto book = read_contexts();
  if (!book) return c.complain(book.error());
  auto* context = book->find(name);
  bool first = book->contexts.empty();
  if (context == nullptr) {
    book->contexts.push_back({name, {}, {}, {}, {}});
    context = &book->contexts.back();
  }
  for (auto [option, field] : {std::pair{"broker", &context->broker},
                               {"key-file", &context->key_file},
                               {"server-key-file", &context->server_key_file},
                               {"tenant", &context->tenant}}) {
    if (c.values().from(option) != OptionValues::From::flag)
      continue;  // a variable is of this shell, not of the context
    *field = c.values().text(option);
    bool file = std::string_view(option).ends_with("file");
    if (file && !field->empty()) *field = std::filesystem::absolute(*field).lexically_normal().string();
    if (field->find('\n') != std::string::npos)
      return c.complain(std::string("--") + option + " is one line");
  }
  if (context->broker.empty()) return c.complain("--broker is missing: the endpoint of the context");
  if (first) book->current = name;
  if (book->current == name) warn_of_variable(c);
  return keep(c, *book, shown(*context, *book));
}

int context_use(Context& c) {
  auto book = read_contexts();
  if (!book) return c.complain(book.error());
  if (c.values().flag("none") == !c.operands().empty())
    return c.complain("give the name of a context, or --none");
  book->current = c.values().flag("none") ? std::string() : c.operands()[0];
  Document none;
  none.set("used", "none");
  if (book->current.empty()) return keep(c, *book, none);
  const auto* found = book->find(book->current);
  if (found != nullptr) warn_of_variable(c);
  return found == nullptr ? unknown(c, book->current) : keep(c, *book, shown(*found, *book));
}

int context_forget(Context& c) {
  if (c.operands().empty()) return c.complain("the name of the context is missing");
  auto book = read_contexts();
  if (!book) return c.complain(book.error());
  const auto& name = c.operands()[0];
  if (std::erase_if(book->contexts, [&](const auto& context) { return context.name == name; }) == 0)
    return unknown(c, name);
  if (book->current == name) book->current.clear();
  Document d;
  d.set("name", name);
  d.set("outcome", "forgotten");
  return keep(c, *book, d);
}

}  // namespace hirehall::cli
