"""The tests that together call every command of the table: what they see of answers is checked against the document."""

_BY_FILE: dict[str, tuple[str, ...]] = {
    "bans": (
        "a_block_lasts_until_it_is_taken_back",
        "a_name_means_all_peers_of_that_neighbour_and_none_of_another",
    ),
    "blocklists": (
        "a_list_hides_for_those_who_follow_it_and_nobody_else",
        "a_private_list_is_told_to_nobody",
        "all_of_it_lasts_over_a_restart",
        "whom_a_list_names_sees_by_whom_and_why",
    ),
    "booked_otherwise": (
        "he_says_how_long_his_offer_holds_its_time",
        "many_help_on_one_date",
        "what_is_back_early_can_be_had_for_the_rest_of_its_time",
    ),
    "bookings": ("what_a_mediator_says_of_an_offer_frees_nothing",),
    "claimed": ("a_claim_pays_the_payment_that_it_names",),
    "claims": (
        "from_an_iou_to_its_payment",
        "the_other_is_asked_to_sign_and_declines",
    ),
    "contacts": (
        "an_erasure_purges_the_store_and_again_when_repeated_or_after_a_crash",
        "our_own_is_changed_piece_by_piece_and_cleared",
    ),
    "dimensions": ("what_is_asked_and_what_was_given_is_shown",),
    "doors": ("the_code_goes_up_the_chain_by_itself_and_is_said_once",),
    "exposures": ("of_myself_it_says_what_others_may_risk_at_most_and_what_would_help",),
    "faults": (
        "who_failed_does_not_say_it_of_the_one_who_was_harmed",
        "who_was_harmed_is_asked_to_rate_for_the_window",
    ),
    "goals": ("who_wants_more_to_come_holds_nobody_up",),
    "invites": (
        "what_is_taken_back_lets_nobody_new_in_and_puts_nobody_out",
        "who_came_by_an_invite_and_how_often_it_is_good_yet",
    ),
    "kinds": ("a_tool_library_with_a_yearly_fee_needs_a_template_and_nothing_else",),
    "leaving": (
        "an_exchange_under_way_stands_in_the_way",
        "it_stays_left_over_a_restart_and_the_chain_goes_on_afterwards",
        "to_foresee_does_nothing",
    ),
    "messages": (
        "it_is_read_by_its_reader_and_known_to_be_delivered",
        "it_stands_with_the_exchange_that_it_is_about",
        "to_an_older_node_it_stays_queued_and_says_why",
        "what_is_erased_is_gone_from_the_store_and_a_copy_is_not_taken_again",
        "who_is_shut_out_is_not_heard_and_is_told_so",
    ),
    "misconduct": (
        "a_double_booking_counts_until_it_is_rebutted",
        "nothing_may_be_risked_with_who_cheated",
    ),
    "notices": ("what_is_paused_or_withdrawn_is_compared_with_nothing",),
    "offered_vouches": (
        "a_vouch_that_was_taken_is_given_back_in_part_and_whole",
        "what_is_declined_goes_back_so_that_an_honest_voucher_has_it_again",
        "what_is_taken_reaches_an_honest_stranger",
    ),
    "parcels": (
        "by_file_alone_with_no_network",
        "what_is_offered_is_offered_to_one_at_a_time",
    ),
    "paying": ("each_payment_can_be_proved_and_all_are_erased_together",),
    "projects": (
        "a_claimer_who_vanishes",
        "a_task_that_was_withdrawn_is_not_published_again",
        "claims_can_be_stopped",
        "for_thanks_nothing_is_owed",
        "what_cannot_be_published_is_refused_before_anything_is",
    ),
    "task_steps": ("all_that_is_done_is_confirmed_and_then_paid_and_again_does_no_harm",),
    "put_away": ("a_parcel_is_remembered_with_its_exchange",),
    "remote_search": ("answers_are_merged_as_they_come_in_the_order_of_a_search_at_home",),
    "rules": (
        "a_rule_survives_a_restart_and_is_gone_when_removed",
        "what_is_not_as_asked_waits",
    ),
    "standing_orders": (
        "a_higher_price_waits_for_our_user",
        "pause_skip_until_and_remove",
    ),
    "told": (
        "what_is_sold_does_not_come_back_when_the_listing_is_signed_again",
        "who_waits_to_be_fetched_from_what_the_other_does_without_says_so_too",
    ),
    "trust_graph": ("it_says_what_is_said_of_each_alone", "ties_say_how_they_came"),
    "vouches": (
        "a_part_comes_back",
        "it_is_told_whether_the_other_side_has_heard",
    ),
    "ways": ("a_listing_that_offers_one_way_is_had_that_way_only",),
    "wishes": ("what_is_agreed_is_what_was_asked_and_a_counter_keeps_it",),
}
CHAPTERS = (
    "tests/answers/test_daemon_commands.py",
    "tests/answers/test_other_commands.py",
    *(f"tests/p2pnode/test_{file}.py::test_{test}" for file, tests in _BY_FILE.items() for test in tests),
)
