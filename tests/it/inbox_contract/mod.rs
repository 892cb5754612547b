//! What every keeper promises, run against each of them.
#![expect(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

mod clocks;
mod dead;
mod fixture;
mod leases;
mod order;
mod outcomes;
mod storing;

use fixture::{Keeper, ids, run};

/// Runs each promise against memory, SQLite, PostgreSQL, and PostgreSQL behind a pooler.
macro_rules! every_keeper {
    ($($room:ident: $($promise:ident)*;)*) => {
        every_keeper!(@one memory Memory $($room: $($promise)*;)*);
        every_keeper!(@one sqlite Sqlite $($room: $($promise)*;)*);
        every_keeper!(@one postgres Postgres $($room: $($promise)*;)*);
        every_keeper!(@one pooled Pooled $($room: $($promise)*;)*);
    };
    (@one $module:ident $keeper:ident $($room:ident: $($promise:ident)*;)*) => {
        mod $module {
            $($(
                #[tokio::test]
                async fn $promise() {
                    super::run(super::Keeper::$keeper, super::$room::$promise).await;
                }
            )*)*
        }
    };
}

every_keeper! {
    storing:
        an_update_is_accepted_once_whatever_becomes_of_it
        of_fifty_copies_at_once_one_is_stored
        an_update_comes_back_as_it_was_accepted
        strange_bodies_come_back_byte_for_byte
        ids_at_the_limits_of_64_bits_are_kept
        a_full_inbox_refuses_what_is_new_and_knows_what_it_has
        a_survey_counts_what_is_kept
        what_ended_is_forgotten_after_keep_done_and_not_before
        a_restart_finds_everything_as_it_was
        what_another_bot_had_is_not_taken_for_known
        what_is_young_hides_nothing_old_from_a_sweep;
    clocks:
        a_clock_that_was_behind_and_is_set_right_ages_nothing
        a_clock_that_telegrams_dates_show_to_be_behind_ages_nothing
        a_clock_that_is_set_back_keeps_nothing_waiting;
    order:
        a_chat_is_served_in_the_order_of_acceptance_one_at_a_time
        chats_are_served_side_by_side
        chats_users_and_lone_updates_have_lines_of_their_own
        a_claim_takes_no_more_than_its_limit
        a_retry_holds_back_its_own_chat_only_until_its_time
        whoever_waits_is_told_of_an_update_that_arrives
        whoever_waits_is_told_when_the_next_of_a_chat_may_come
        whoever_waits_is_told_when_the_time_of_a_retry_has_come;
    outcomes:
        a_retry_costs_an_attempt_and_a_postponement_does_not
        a_release_puts_everything_back_as_it_was
        calls_left_come_back_and_the_latest_win
        a_call_that_is_left_keeps_its_history
        refused_calls_lie_with_their_dead_update_and_come_back_when_it_is_revived
        what_is_done_or_expired_moves_its_chat_on
        reasons_may_hold_any_character;
    dead:
        a_dead_update_is_listed_with_its_reason_and_body
        a_dead_update_lets_its_chat_go_on
        a_revived_update_goes_to_the_end_of_its_line_with_all_its_attempts
        a_discarded_update_stays_known
        only_dead_updates_are_revived_or_discarded
        dead_updates_are_listed_the_oldest_first_and_no_more_than_asked
        a_revived_update_has_a_new_life_as_long_as_its_first
        of_two_that_revive_or_discard_at_once_one_has_each_update
        what_was_revived_is_neither_revived_nor_discarded_while_it_runs
        dead_updates_take_room_and_are_bounded
        a_row_that_cannot_be_read_harms_no_other;
    leases:
        a_late_worker_is_refused_once_another_has_the_update
        a_late_worker_may_settle_while_nobody_else_has_the_update
        a_lease_that_is_prolonged_does_not_lapse
        a_lapsed_lease_costs_no_attempt
        an_attempt_is_settled_once
        what_is_at_work_here_is_not_given_out_here_again;
}
