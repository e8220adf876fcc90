// Which tasks: a small expression language for lists, counts and bulk work (docs/where.md has the grammar).
//   state=failed and queue=mail and age<1h and label.customer=7
// Parsed here, for the broker, which evaluates it, and for the command line, which completes it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "common/error.h"

namespace hirehall {

inline constexpr std::size_t where_bytes_max = 4096;
inline constexpr std::size_t where_depth_max = 16;
inline constexpr std::size_t where_tests_max = 64;

// What a field is compared as. A duration is milliseconds; a state is one of the names of states.
enum class WhereShape : std::uint8_t { text, number, duration, state };

struct WhereField {
  std::string_view name;  // "label." stands for all labels
  WhereShape shape;
  std::string_view help;
  std::string_view names;  // what the command line completes its values with: "QUEUE", "TYPE", or nothing
};
std::span<const WhereField> where_fields();

// "no state is named running; there are …; what runs is leased"
std::string no_state(std::string_view name);

using WhereValue = std::variant<std::int64_t, std::string_view>;

class Where {
 public:
  // invalid, with the offset of the mistake as a number in the context.
  static Result<Where> parse(std::string_view text);

  Where();  // fits everything
  ~Where();
  Where(const Where&);
  Where& operator=(const Where&);
  Where(Where&&) noexcept;
  Where& operator=(Where&&) noexcept;

  // The value of a field of one task; nothing: it has none, which fits `!=` and no other comparison.
  using Look = std::function<std::optional<WhereValue>(std::string_view field)>;
  bool fits(const Look& look) const;
  // The value that `field` must have in all that fits; empty when there is no such.
  std::string_view must_be(std::string_view field) const;

 private:
  friend struct WhereParser;
  struct Node;
  std::shared_ptr<const Node> root_;
};

// `error` of parse() as lines that point at the place.
std::string where_pointer(std::string_view text, const Error& error);

}  // namespace hirehall
