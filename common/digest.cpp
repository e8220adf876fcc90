#include "common/digest.h"

#include <sodium/crypto_generichash.h>

#include "common/pack.h"

namespace hirehall {

std::string digest_of(std::string_view first, std::string_view second) {
  std::string length;
  Packer(length).uint(first.size());
  crypto_generichash_state state;
  std::string out(16, '\0');
  auto bytes = [](std::string_view v) { return reinterpret_cast<const unsigned char*>(v.data()); };
  crypto_generichash_init(&state, nullptr, 0, out.size());
  crypto_generichash_update(&state, bytes(length), length.size());
  crypto_generichash_update(&state, bytes(first), first.size());
  crypto_generichash_update(&state, bytes(second), second.size());
  crypto_generichash_final(&state, reinterpret_cast<unsigned char*>(out.data()), out.size());
  return out;
}

}  // namespace hirehall
