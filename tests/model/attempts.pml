/* attempts.pml: one accepted message to a mailbox (recipient 1) and to a command (recipient 2), which takes long, as another
 * host may: each attempt is settled by itself. With a reader that moves and deletes, kills of queue-run and cuts at every step.
 * That the command gets the message twice after a kill is not judged: nobody can know whether it had done its work.
 *
 * SETTLE  1: the mailbox is synced and its `done` line written as soon as that attempt is over; 0: when all attempts are
 * DONE    the `done` line is 0: written, 1: written and synced before the attempt counts as settled
 * EARLY   1: the `done` line is written before the mailbox is synced (must break)
 * BOTH    1: the message goes when every recipient is settled; 0: when the first one is (must break)
 * ASK     1: the `done` line of the command says that it ended; 0: that it was asked (must break)
 * ACTION  1: the qid of a report is derived from message, recipient and action; 0: without the action (must break)
 * DERIVE  0: it is drawn anew at each try (must break)
 *
 * A reader deletes when it has waited two seconds: so at any time at which queue-run has nothing left to do but to wait for the
 * command, and when the message is gone. That queue-run is down for longer is in deliver.pml, READER=1.
 */
#define NS 8
#define LOG 16
#define FSMASK(s) 255
#ifndef PROP
#define PROP 0
#endif
#ifndef KILLS
#define KILLS 1
#endif
#include "fs.pml"

#define IN  0                   /* in/q: the envelope */
#define B   1                   /* message/shard/q: the content */
#define N   2                   /* new/name */
#define C   3                   /* cur/name */
#define D1  4                   /* the envelope's `done n=1` and `done n=2` lines: 1 done, 2 failed; their bytes may be */
#define D2  5                   /* missing after a cut */
#define W   6                   /* the delay report in the queue, and the failure report: 1 and 2 */
#define F   (6 + ACTION)

bool got, gone, die[2], fresh, idle;
byte ran, warned, failed;       /* the command did its work; reports that were accepted */
byte asked, answer;             /* the attempt under way: 1 asked; 0 none yet, 1 ok, 2 not now, 3 never */
bool patience;                  /* the command has said `not now` once: then it is late, and its sender is told */
byte kills = KILLS;

#define HAS (got || v[N] != 0 || v[C] != 0)

inline judge(p, ok_) { if :: PROP == 0 || PROP == p -> assert(ok_) :: else fi }

inline report(slot, kind, count) {              /* queue-add: `exists` counts as accepted */
    if
    :: DERIVE && v[slot] != 0 -> printf("queue-add: report exists\n")
    :: else -> count++; put(slot, kind); syncdir(slot, 192); printf("queue-add: accepts report %d\n", kind)
    fi
}

inline settle(slot, how) {                      /* a line in the envelope */
    put(slot, how); printf("queue-run: done n=%d\n", slot - 3);
    if :: DONE -> syncdir(slot, 1 << slot) :: else fi
}

inline sync_mailbox() { syncdir(N, 4); syncdir(C, 8); printf("queue-run: has synced the mailbox\n") }

proctype Run() {
    bool linked = 0, boxed = 0, told = 0;
again:
    {
        if
        :: fresh -> atomic {
            syncfs(IN); linked = 0; boxed = (v[D1] != 0); told = (v[D2] != 0); fresh = 0;
            printf("queue-run: starts, lists, syncs\n") };
            if :: !boxed && v[N] != 0 -> linked = 1 :: else fi;
            if :: !boxed && !linked && v[C] != 0 -> linked = 1 :: else fi
        :: else
        fi;
        do
        :: atomic { v[IN] == 0 ->
            judge(1, HAS); judge(1, ran || failed);
            judge(8, v[D2] != 2 || (failed == 1 && v[F] == 2)); judge(8, failed <= 1 && warned <= 1);
            if :: PROP == 9 -> assert(false) :: else fi }; (false)
        :: v[IN] != 0 && !linked && !boxed -> atomic {
            judge(5, v[B] != 0);
            if :: v[N] == 0 && (gone || v[C] != 0) -> printf("DUPLICATE: the mailbox had it\n"); judge(3, false) :: else fi;
            put(N, 1); linked = 1; printf("queue-run: links it into the mailbox\n") }
        :: v[IN] != 0 && linked && !boxed && (SETTLE || answer == 1 || answer == 3 || told) ->
            if :: EARLY -> settle(D1, 1); sync_mailbox() :: else -> sync_mailbox(); settle(D1, 1) fi;
            boxed = 1
        :: v[IN] != 0 && !told && !asked -> atomic { asked = 1; answer = 0; printf("queue-run: asks the command\n") };
            if :: !ASK -> settle(D2, 1); told = 1 :: else fi
        :: atomic { asked && answer == 0 && linked && (boxed || !SETTLE) && !idle -> idle = 1 }
        :: v[IN] != 0 && answer == 1 && !told -> settle(D2, 1); atomic { told = 1; asked = 0; answer = 0; idle = 0 }
        :: v[IN] != 0 && answer == 2 && !told -> atomic { report(W, 1, warned); asked = 0; answer = 0; idle = 0 }
        :: v[IN] != 0 && answer == 3 && !told -> atomic { report(F, 2, failed) };
            settle(D2, 2); atomic { told = 1; asked = 0; answer = 0; idle = 0 }
        :: v[IN] != 0 && ((boxed && told) || (!BOTH && boxed)) ->
            atomic { put(IN, 0); printf("queue-run: lets go\n") };
            syncdir(IN, 1); put(B, 0)
        od
    } unless { atomic { die[0] -> die[0] = 0; fresh = 1; asked = 0; answer = 0; idle = 0; linked = 0; boxed = 0; told = 0 } };
    goto again
}

proctype Command() {                            /* an attempt ends with queue-run, before or after its work */
    do
    :: atomic { asked && answer == 0 -> ran = 1; answer = 1; printf("command: done\n") }
    :: atomic { asked && answer == 0 -> ran = 1; printf("command: done, not said yet\n") }
    :: atomic { asked && answer == 0 && !patience -> patience = 1; answer = 2; printf("command: not now\n") }
    :: atomic { asked && answer == 0 -> answer = 3; printf("command: never\n") }
    od
}

proctype Reader() {
again:
    {
        do
        :: atomic { v[N] != 0 && v[C] == 0 -> ren_reader(N, C); printf("reader: moves it to cur/\n") }
        :: atomic { v[N] != 0 && (idle || v[IN] == 0) -> got = 1; put(N, 0); printf("reader: fetches and unlinks\n") }; break
        :: atomic { v[C] != 0 && (idle || v[IN] == 0) -> got = 1; put(C, 0); printf("reader: fetches and unlinks\n") }; break
        od;
        syncdir(N, 12);
        atomic { gone = 1; printf("reader: is told +OK\n") };
        (false)
    } unless { atomic { die[1] -> die[1] = 0 } };
    if :: !gone -> goto again :: else fi
}

inline tear(slot, was) { if :: v[slot] != was -> v[slot] = was; d[slot] = (cuts > 0 -> was : 0) :: skip fi }

proctype Fate() {
    byte was1, was2;
    do
    :: atomic { kills > 0 -> kills--; die[0] = 1; idle = 0; printf("KILL queue-run\n") }
    :: atomic {
        cuts > 0 -> was1 = d[D1]; was2 = d[D2]; cuts--; printf("CUT\n");
        fs_cut(); tear(D1, was1); tear(D2, was2);
        die[0] = 1; idle = 0; die[1] = !gone }
    :: atomic { kills == 0 && cuts == 0 -> break }
    od
}

init {
    atomic {
        v[IN] = 2; d[IN] = 2; v[B] = 1; d[B] = 1;
        run Run(); run Command(); run Reader(); run Fate()
    }
}
