"""Asks what its payload says ({"question", "options", "form", "timeout_ms", "default", "who"}); the answer is its result. With {"of": ID,
"value": …} it answers another task instead."""

import hirehall_agent


def run(task):
    asked = dict(task.payload or {})
    if "of" in asked:
        task.answer_task(asked["of"], asked["value"], "a task knows")
        return "told"
    if task.answer is None:
        task.save({"asked_in": task.attempt})
    answer = task.ask(asked.pop("question", "Shall I?"), **asked)
    return {"answer": answer, "checkpoint": task.checkpoint}


hirehall_agent.serve(run)
