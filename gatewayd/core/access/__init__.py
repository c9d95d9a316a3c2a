"""Who gets in: the full decision, pure.

model, policy, reasons   values: the permission set, the site's doors, the words
pins                     PINs as HMACs under the key of the site
state                    what moved so far, changed by `StateChange` values only
book                     the permission set, indexed for deciding
case                     one attempt with everything that was looked up for it
rules                    one small function a rule, in one ORDER
decide, consequences     the answer, and what it changes
explain                  the same rules, all of them asked, in words

decision = decide(book, state, around, attempt)
for change in decision.changes:                       # at once
    state.apply(change)
for change in taken(book, state, decision, now):      # when the door was opened
    state.apply(change)
"""
