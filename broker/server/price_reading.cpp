#include "broker/server/price_reading.h"

#include <string>
#include <utility>

namespace hirehall::server {
namespace {

tl::unexpected<Error> named(Error error, std::string_view whose) {
  error.message =
      "price of " + (whose.empty() ? std::string("an agent") : std::string(whose)) + ": " + error.message;
  return tl::unexpected(std::move(error));
}

Result<scheduler::PriceTerms> read_terms(msgpack::Reader& r) {
  scheduler::PriceTerms terms;
  auto pairs = r.map();
  for (std::size_t i = 0; i < pairs && r.ok(); ++i) {
    auto key = r.str();
    if (key == "base")
      terms.base = r.real();
    else if (key == "load_slope")
      terms.load_slope = r.real();
    else if (key == "cap")
      terms.cap = r.real();
    else if (key == "types") {
      auto types = r.map();
      if (types > scheduler::price_types_max)
        return fail(Code::invalid,
                    "a price function names at most " + std::to_string(scheduler::price_types_max) + " types",
                    "types");
      for (std::size_t k = 0; k < types && r.ok(); ++k) {
        std::string type(r.str());
        terms.types.insert_or_assign(std::move(type), r.real());
      }
    } else
      r.skip();
  }
  return terms;
}

}  // namespace

Result<std::shared_ptr<const scheduler::PriceFunction>> read_price(msgpack::Reader& r,
                                                                   std::string_view whose) {
  if (r.skip_nil()) return nullptr;
  const auto terms = read_terms(r);
  if (!terms) return named(terms.error(), whose);
  if (!r.ok()) return nullptr;
  auto made = scheduler::PriceFunction::from(*terms);
  if (!made) return named(made.error(), whose);
  return std::make_shared<const scheduler::PriceFunction>(std::move(*made));
}

}  // namespace hirehall::server
