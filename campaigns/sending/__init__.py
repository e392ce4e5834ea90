"""The engine, and what it promises.

1. One ledger row per attempt and recipient, unique in the database, written before anything is sent.
2. sent + errors + skipped + unconfirmed + cancelled + dry runs + open = total, always; an attempt is finished
   when no row is open.
3. A row is put in flight (Chunk.in_flight) in a committed transaction before its letter leaves. After a kill at
   any instant, open rows found in flight become UNCONFIRMED: the server may or may not have taken the letter.
   They are never sent again by themselves. Every other row is as it was.
4. A chunk of rows has one lease. Who takes the chunk raises it, and nothing is written under an older one, so a
   worker that was stopped and comes back changes nothing.
"""
