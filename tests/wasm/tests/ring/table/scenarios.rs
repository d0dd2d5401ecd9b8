//! Which scenarios there are: those that the table lays side by side, and those that it cannot.
//!
//! A new scenario goes into one of the two lists.

use crate::*;

/// The sources of the tests, for their names.
pub const SOURCES: &[(&str, &str)] = &[
    ("answers", include_str!("../answers.rs")),
    ("back_channel", include_str!("../back_channel.rs")),
    ("basic", include_str!("../basic.rs")),
    ("bodies", include_str!("../bodies.rs")),
    ("browsers", include_str!("../browsers.rs")),
    ("configuration", include_str!("../configuration.rs")),
    ("contexts", include_str!("../contexts.rs")),
    ("decisions", include_str!("../decisions.rs")),
    ("differences", include_str!("../differences.rs")),
    ("faults", include_str!("../faults.rs")),
    ("floods", include_str!("../floods.rs")),
    ("hostile", include_str!("../hostile.rs")),
    ("instances", include_str!("../instances.rs")),
    ("key_sources", include_str!("../key_sources.rs")),
    ("lifecycle", include_str!("../lifecycle.rs")),
    ("networks", include_str!("../networks.rs")),
    ("own_credential", include_str!("../own_credential.rs")),
    ("remote", include_str!("../remote.rs")),
    ("rules", include_str!("../rules.rs")),
    ("secrets", include_str!("../secrets.rs")),
    ("shape", include_str!("../shape.rs")),
    ("signatures", include_str!("../signatures.rs")),
    ("structs", include_str!("../structs.rs")),
    ("targets", include_str!("../targets.rs")),
    ("tokens", include_str!("../tokens.rs")),
    ("upstream", include_str!("../upstream.rs")),
    ("waiting", include_str!("../waiting.rs")),
    ("watch", include_str!("../watch.rs")),
];

/// The modules whose every test is a scenario, unless it is [`NOT_COMPARED`].
pub const SCENARIO_MODULES: &[&str] = &[
    "answers",
    "basic",
    "configuration",
    "contexts",
    "decisions",
    "faults",
    "floods",
    "hostile",
    "key_sources",
    "lifecycle",
    "own_credential",
    "remote",
    "secrets",
    "structs",
    "targets",
    "tokens",
    "upstream",
    "waiting",
    "watch",
];

/// Scenarios that cannot be laid side by side, and why. They run on each
/// gateway all the same, and assert the same.
pub const NOT_COMPARED: &[(&str, &str)] = &[
    (
        "key_sources::a_key_that_is_taken_out_is_refused_with_the_next_fetch_whoever_makes_it",
        "about who fetches: ticks, or a request on APISIX and Kong",
    ),
    (
        "key_sources::a_long_document_is_read_between_requests_which_the_one_before_it_decides",
        "about who reads: ticks, or requests on APISIX and Kong",
    ),
    (
        "key_sources::an_unchanged_document_is_known_by_its_validator",
        "about who fetches: ticks, or a request on APISIX and Kong",
    ),
    (
        "watch::a_key_that_ends_soon_is_shown_and_warned_of_by_what_the_gateway_has",
        "about who looks: ticks, or a request on APISIX",
    ),
    (
        "own_credential::it_adds_one_header_edit_at_the_most_to_a_request",
        "about cost",
    ),
    (
        "basic::a_login_that_is_known_is_not_hashed_again",
        "about cost",
    ),
    (
        "waiting::a_new_configuration_ends_the_wait_where_the_old_one_can_hear_of_it",
        "about what nothing tells the old one on APISIX and Kong",
    ),
    (
        "contexts::a_host_section_that_names_another_gateway_is_refused",
        "about what differs",
    ),
    (
        "structs::a_struct_decides_like_the_json_it_stands_for",
        "Envoy alone passes one",
    ),
    (
        "structs::a_struct_that_is_none_is_refused_and_traps_nothing",
        "Envoy alone passes one",
    ),
    (
        "structs::json_that_begins_with_the_tag_of_a_struct_is_json",
        "Envoy alone passes one",
    ),
    (
        "floods::as_many_fields_as_the_refusal_names_are_taken_on_every_gateway",
        "about what gateways add by themselves",
    ),
    (
        "floods::a_long_token_meets_the_buffers_of_the_gateway_before_the_gate",
        "about nginx's buffers",
    ),
    (
        "floods::long_credentials_are_refused_and_cost_little",
        "about cost",
    ),
    (
        "lifecycle::a_body_before_the_head_is_never_let_through",
        "nginx has no such callback",
    ),
    (
        "lifecycle::trailers_before_the_head_are_never_let_through",
        "nginx has no such callback",
    ),
    (
        "lifecycle::body_and_trailers_after_a_denial_are_never_let_through",
        "nginx has no such callback",
    ),
    (
        "lifecycle::a_body_in_pieces_and_trailers_pass_after_an_allowed_head",
        "nginx has no such callback",
    ),
    (
        "lifecycle::memory_is_flat_after_many_requests",
        "about memory",
    ),
    (
        "lifecycle::reconfiguring_often_does_not_fill_the_memory",
        "about memory",
    ),
    (
        "waiting::a_body_and_trailers_do_not_pass_a_head_that_waits",
        "nginx has no such callback",
    ),
    (
        "waiting::a_root_context_that_goes_with_a_call_under_way_disturbs_nobody",
        "about ticks, which APISIX does not have",
    ),
    (
        "configuration::a_reference_that_apisix_resolves_is_the_key_that_it_stands_for",
        "APISIX alone resolves them",
    ),
    (
        "configuration::null_is_refused_or_it_is_nothing",
        "about what APISIX makes of `null`",
    ),
    (
        "waiting::discovery_in_ticks_is_one_call_in_each",
        "about ticks, which APISIX does not have",
    ),
    (
        "waiting::a_configuration_that_is_over_fetches_nothing",
        "about Kong, where nobody ends one",
    ),
    (
        "configuration::a_megabyte_of_keys_is_accepted_and_each_of_them_works",
        "about size",
    ),
    (
        "configuration::thousands_of_errors_are_reported_without_end",
        "about size",
    ),
    (
        "faults::whichever_call_of_an_allowed_request_fails_nothing_goes_on_with_a_credential",
        "gateways make different calls, and each is failed",
    ),
    (
        "faults::whichever_call_of_a_denied_request_fails_it_stays_denied",
        "gateways make different calls, and each is failed",
    ),
    (
        "faults::calls_that_always_fail_never_open_the_gate",
        "gateways make different calls, and each is failed",
    ),
    (
        "faults::a_clock_that_fails_is_503_for_those_whose_credential_has_dates",
        "gateways make different calls, and each is failed",
    ),
    (
        "faults::a_clock_in_another_age_opens_nothing",
        "gateways make different calls, and each is failed",
    ),
    (
        "faults::counters_that_fail_change_nothing",
        "gateways make different calls, and each is failed",
    ),
    (
        "faults::a_configuration_that_cannot_be_read_denies_everything",
        "gateways make different calls, and each is failed",
    ),
];

macro_rules! scenarios {
    ($($module:ident: $($name:ident),+;)+) => {
        &[$($((concat!(stringify!($module), "::", stringify!($name)), $module::$name as fn())),+),+]
    };
}

/// The scenarios that are laid side by side.
pub const SCENARIOS: &[(&str, fn())] = scenarios! {
    answers: a_denial_speaks_the_dialect_of_the_path,
        only_a_401_carries_a_challenge_and_every_denial_is_json,
        the_sign_in_address_is_shown_with_a_401_to_ollamas_own_client,
        each_decision_is_one_line_of_json_and_one_counter,
        allowed_requests_are_not_logged_where_the_configuration_says_so;
    basic: a_password_of_every_kind_of_hash_opens_the_gate_and_no_other_does,
        a_key_opens_the_gate_as_the_password,
        a_token_opens_the_gate_from_the_cookie_where_no_header_holds_anything,
        a_token_that_a_proxy_adds_counts_as_a_cookie_does,
        a_page_from_elsewhere_can_use_neither_password_nor_cookie,
        a_browser_is_asked_for_name_and_password,
        hostile_bytes_behind_basic_and_in_cookies_never_trap,
        a_file_with_a_line_of_another_kind_is_refused_and_denies_everything;
    configuration: a_refused_configuration_is_read_and_logged_once_whoever_asks,
        documents_that_are_no_configuration_are_refused_and_deny_everything,
        a_refused_configuration_closes_the_gate_at_the_start_and_on_a_reload,
        another_gateways_name_with_an_error_beside_it_closes_the_gate_too,
        a_member_twice_is_refused_at_every_depth,
        five_errors_are_five_lines_with_their_paths,
        what_is_not_understood_or_not_resolved_is_refused,
        whoever_sends_an_unresolved_reference_stays_outside,
        a_short_secret_needs_the_dangerous_word_and_a_shorter_one_has_none;
    contexts: a_root_context_that_was_never_configured_lets_nobody_through,
        a_new_configuration_replaces_keys_and_the_old_stream_ends_in_peace,
        two_root_contexts_share_nothing,
        an_optional_list_lost_on_the_way_means_the_same,
        without_a_host_section_the_module_finds_out_where_it_is;
    decisions: a_key_opens_the_gate_from_every_place_that_holds_one,
        a_token_opens_the_gate_from_every_place_that_holds_one,
        nobody_comes_in_without_a_credential,
        an_empty_place_does_not_hide_a_full_one,
        the_same_key_twice_is_no_conflict_and_two_keys_are,
        a_doubled_authorization_never_comes_in,
        an_unknown_an_expired_and_a_coming_key_are_told_apart,
        a_key_expires_while_the_gate_runs,
        placeholders_and_basic_are_named_as_what_they_are,
        a_scope_opens_its_routes_and_no_other,
        a_name_that_is_not_the_gates_is_refused_before_anything_else,
        a_websocket_is_refused_with_a_reason,
        a_route_that_ollama_does_not_have_is_refused_to_those_who_are_in,
        the_path_is_matched_decoded_and_the_query_never,
        health_is_public_where_the_configuration_says_so,
        a_page_from_elsewhere_is_refused_where_a_browser_asks_by_itself,
        the_prefix_is_read_past_and_left_in_place;
    floods: a_long_path_costs_little,
        a_crowd_of_headers_hides_no_credential_and_no_identity,
        a_crowd_hides_nothing_from_a_filter_that_was_not_told_where_it_is,
        malformed_map_bytes_are_a_denial,
        requests_put_together_at_random_never_trap_and_never_slip_in;
    hostile: hostile_bytes_in_a_header_never_trap_and_never_open_the_gate,
        hostile_bytes_beside_a_good_key_never_trap,
        hostile_paths_are_refused_in_the_dialect_of_their_beginning,
        targets_of_another_form_are_refused,
        a_request_without_host_is_answered_and_takes_no_worker_down,
        an_empty_host_takes_no_worker_down;
    lifecycle: a_client_that_leaves_at_any_moment_disturbs_nobody,
        streams_that_are_open_at_once_keep_their_own_decisions;
    remote: the_first_request_has_the_keys_fetched_and_goes_on,
        whatever_comes_in_the_place_of_keys_is_503_and_nothing_goes_on,
        a_call_that_the_gateway_does_not_make_is_503_and_no_trap,
        a_kid_that_is_not_there_is_looked_for_once,
        stale_keys_hold_while_the_provider_is_down_and_not_for_ever,
        discovery_is_two_calls_of_one_request,
        tokens_that_could_not_be_right_fetch_nothing,
        the_server_of_the_keys_sees_the_headers_that_it_wants_and_nobody_else_does;
    secrets: nothing_that_was_presented_is_repeated_anywhere,
        a_query_string_is_never_logged,
        an_error_in_the_configuration_does_not_repeat_a_secret,
        a_configuration_that_is_accepted_repeats_nothing_of_itself;
    structs: errors_in_a_struct_are_those_of_the_json,
        a_number_decides_the_same_in_every_form_that_a_gateway_makes_of_it,
        a_secret_in_a_broken_struct_is_not_repeated;
    targets: nothing_goes_up_under_another_route_than_the_one_that_was_judged,
        a_target_that_two_readers_read_differently_is_refused_on_every_gateway;
    tokens: a_token_lives_until_its_expiry_and_the_leeway,
        a_token_without_expiry_comes_in_only_where_the_configuration_says_so,
        no_single_bit_of_a_signature_may_change,
        the_algorithm_is_the_configurations_and_never_the_tokens,
        claims_of_the_wrong_type_are_refused,
        issuer_and_audience_must_be_the_configured_ones,
        the_scopes_claim_decides_where_one_is_configured,
        the_providers_words_mean_what_the_map_says_on_every_gateway,
        the_scopes_of_an_issuer_are_those_of_each_of_its_tokens,
        a_required_claim_is_compared_alike_on_every_gateway,
        the_previous_secret_counts_while_it_is_set;
    key_sources: a_key_of_a_document_comes_in_and_the_first_request_waits_for_it,
        a_source_that_was_never_reached_is_503_and_the_configured_keys_go_on;
    own_credential: an_allowed_request_carries_it_once_and_a_refused_one_shows_it_to_nobody,
        a_refusal_by_the_front_is_a_502_without_its_challenge,
        a_token_is_waited_for_used_to_its_end_and_then_it_is_a_503,
        what_is_no_token_lets_nobody_in_and_traps_nothing;
    upstream: no_credential_cookie_origin_or_identity_of_the_clients_goes_on,
        a_copy_of_the_credential_goes_under_any_name,
        a_key_in_a_header_that_is_configured_comes_in_and_goes_no_further,
        a_credential_in_the_query_is_refused_on_every_gateway,
        each_of_them_is_removed_whatever_its_spelling_and_twice_is_refused,
        a_public_request_is_stripped_like_any_other,
        host_is_the_configured_one_and_path_and_query_are_untouched,
        identity_headers_are_ours_and_only_where_asked_for,
        a_subject_that_is_no_header_value_is_refused;
    waiting: a_client_that_leaves_while_waiting_leaves_no_trace,
        failures_that_nobody_waited_for_start_no_back_off,
        each_of_many_waits_for_its_own_call_and_one_too_many_is_told_to_come_back,
        one_failure_denies_only_the_one_that_waited_for_it,
        a_token_of_another_call_wakes_nobody,
        where_there_are_ticks_no_request_waits,
        ticks_bear_every_end_of_a_call,
        nothing_is_asked_for_where_nothing_is_fetched;
};
