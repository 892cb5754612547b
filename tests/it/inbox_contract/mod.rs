//! The contract of every store, run against each of them.
#![expect(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

mod browse;
mod calls_left;
mod clocks;
mod dead;
mod deadlines;
mod dropping;
mod fixture;
mod leases;
mod order;
mod outcomes;
mod storing;
mod target;

use fixture::{StoreKind, ids, run};

/// Runs each test against memory, SQLite, PostgreSQL, and PostgreSQL behind a pooler.
macro_rules! every_store {
    ($($file:ident: $($promise:ident)*;)*) => {
        every_store!(@one memory Memory $($file: $($promise)*;)*);
        every_store!(@one sqlite Sqlite $($file: $($promise)*;)*);
        every_store!(@one postgres Postgres $($file: $($promise)*;)*);
        every_store!(@one pooled Pooled $($file: $($promise)*;)*);
    };
    (@one $module:ident $store:ident $($file:ident: $($promise:ident)*;)*) => {
        mod $module {
            $($(
                #[tokio::test]
                async fn $promise() {
                    super::run(super::StoreKind::$store, super::$file::$promise).await;
                }
            )*)*
        }
    };
}

every_store! {
    storing:
        an_update_is_accepted_once_whatever_its_outcome
        one_of_fifty_concurrent_copies_is_stored
        a_delivery_has_the_update_as_it_was_accepted
        unusual_bodies_are_delivered_byte_for_byte
        ids_at_the_limits_of_64_bits_are_stored
        a_full_inbox_refuses_new_updates_and_knows_stored_ones
        a_survey_counts_updates_by_state
        ended_ids_are_forgotten_after_keep_done_and_not_before
        a_restart_restores_every_update
        ids_of_another_bot_are_not_known
        young_ids_do_not_hide_old_ids_from_a_sweep;
    clocks:
        correcting_a_slow_clock_ages_no_update
        a_slow_clock_that_telegrams_dates_reveal_ages_no_update
        setting_the_clock_back_delays_no_retry;
    order:
        updates_of_a_chat_are_claimed_one_at_a_time_in_order_of_acceptance
        chats_are_served_concurrently
        chats_users_and_single_updates_have_separate_lanes
        a_claim_takes_no_more_than_its_limit
        a_retry_delays_only_its_own_chat_until_its_time
        ready_returns_when_an_update_arrives
        ready_returns_when_the_next_update_of_a_chat_may_be_claimed
        ready_returns_when_a_retry_is_due;
    deadlines:
        an_express_update_is_claimed_while_its_chat_is_busy
        an_express_lane_is_in_order_too
        a_restart_restores_lanes_and_deadlines
        what_must_be_answered_soonest_is_claimed_first
        of_four_claimed_updates_one_has_no_deadline
        an_update_that_can_no_longer_be_answered_in_time_waits_behind_the_others
        a_revived_update_has_a_new_deadline
        a_claim_of_urgent_updates_takes_no_others
        ready_returns_when_an_urgent_update_arrives
        ready_returns_when_an_urgent_update_is_next_in_its_lane;
    outcomes:
        a_retry_counts_as_an_attempt_and_a_postponement_does_not
        a_release_restores_the_state_before_the_claim
        the_latest_calls_left_are_delivered
        a_call_that_is_left_keeps_its_history
        refused_calls_are_stored_with_the_dead_letter_update_and_delivered_after_a_revive
        a_done_or_expired_update_lets_its_chat_go_on
        reasons_may_contain_any_character;
    dead:
        a_dead_letter_update_is_listed_with_its_reason_and_body
        a_dead_letter_update_lets_its_chat_go_on
        a_revived_update_goes_to_the_end_of_its_lane_with_no_attempts_counted
        a_revived_update_says_so_until_it_ends
        a_discarded_update_stays_known
        only_dead_letter_updates_are_revived_or_discarded
        dead_letter_updates_are_listed_oldest_first_up_to_the_limit
        a_revived_update_has_a_new_lifetime_as_long_as_its_first
        of_two_concurrent_revives_or_discards_one_gets_each_update
        a_revived_update_cannot_be_revived_or_discarded_while_it_runs
        dead_letter_updates_count_towards_the_capacity_and_are_bounded
        an_unreadable_row_affects_no_other_update;
    calls_left:
        only_updates_whose_calls_are_left_are_claimed_without_a_handler
        calls_left_are_claimed_alone_after_a_restart_and_after_a_revive
        calls_that_were_claimed_alone_are_extended_and_lapse_as_others_do;
    dropping:
        dropped_updates_are_erased_and_stay_known
        updates_that_are_accepted_after_a_drop_are_handled
        an_update_that_waits_for_its_retry_is_dropped
        claimed_handled_and_dead_letter_updates_are_not_dropped
        calls_of_a_revived_update_behind_dropped_ones_are_kept;
    leases:
        a_late_verdict_is_refused_once_the_update_was_claimed_again
        a_late_verdict_is_recorded_if_the_update_was_not_claimed_again
        an_extended_lease_does_not_lapse
        a_lapsed_lease_counts_no_attempt
        an_attempt_is_settled_once
        an_update_in_work_here_is_not_claimed_here_again;
    target:
        a_saved_target_replaces_the_one_before
        a_target_may_contain_any_text
        a_target_is_read_by_another_process
        a_target_survives_a_restart_except_in_memory
        a_target_belongs_to_its_bot
        an_inbox_of_the_version_before_targets_is_migrated
        a_pause_and_the_target_are_stored_apart
        an_inbox_of_the_version_before_pauses_is_migrated_with_its_target;
    browse:
        pages_list_the_newest_first_without_gap_or_repeat_while_updates_arrive
        a_page_of_exactly_all_updates_is_the_last
        pages_reach_ids_at_the_limits_of_64_bits
        a_filter_selects_by_state
        a_filter_selects_by_kind_chat_and_reason
        a_filter_by_chat_selects_all_of_its_lanes
        an_update_is_found_with_its_body_until_it_is_done
        a_dead_letter_update_is_found_with_its_reason_and_a_revived_one_waits
        chats_held_back_are_those_that_wait_behind_an_update_or_have_failed
        dead_letter_updates_are_grouped_and_revived_and_discarded_by_their_reason
        reasons_of_any_characters_form_groups
        another_process_reads_the_same_pages
        a_restart_restores_what_the_pages_show
        pages_are_read_while_nothing_can_be_written
        a_page_that_cannot_be_read_fails_soon_and_the_inbox_goes_on;
}
