"""All that we use of other libraries and that they don't promise: private names, wordings, source, layouts.

Every use says what it relies on and for which versions that holds. ``tests/upstream`` checks each on
the installed versions and says in words what changed; no other module may touch a private name of a library
(it checks that, too). ``make canary`` runs these tests on the newest releases.
"""
