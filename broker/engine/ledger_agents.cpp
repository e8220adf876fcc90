// Folding what is said about agent definitions.
#include "broker/engine/ledger.h"

namespace hirehall::engine {

void Ledger::apply(AgentDefined& fact) {
  agents.insert_or_assign({fact.name, fact.version}, AgentRecord{fact.digest, fact.types, fact.by, fact.at});
}

void Ledger::apply(AgentForgotten& fact) {
  agents.erase({fact.name, fact.version});
}

}  // namespace hirehall::engine
