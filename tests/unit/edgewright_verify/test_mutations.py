"""For each promise a proxy that breaks it, and the tests that must turn red then, and no others."""

import pytest

MUTATIONS = {
    "streaming": {
        "buffers": "first_byte_long_before_last",
        "text_as_stream_type": "content_type",
        "strange_frame": "every_frame_is_json",
        "unended_frame": "every_frame_is_json",
        "changing_ids": "one_id",
        "whole_objects": "one_id",
        "no_role": "one_role",
        "role_everywhere": "one_role",
        "role_late": "one_role",
        "one_delta": "text",
        "no_finish": "one_finish_reason leaving_early",
        "two_finishes": "one_finish_reason leaving_early",
        "text_after_finish": "one_finish_reason",
        "no_done": "done_is_last leaving_early",
        "two_dones": "done_is_last",
        "text_after_done": "done_is_last leaving_early one_finish_reason usage_when_asked",
        "usage_lost": "usage_when_asked",
        "usage_in_text": "usage_when_asked",
        "usage_always": "no_usage_unasked",
        "broken_utf8": "utf8",
        "replaced_letters": "utf8",
        "streams_by_default": "one_piece_by_default",
        "whole_without_usage": "one_piece_by_default",
        "whole_without_finish": "one_piece_by_default",
        "whole_calls_itself_chunk": "one_piece_by_default",
        "accept_decides": "body_decides",
        "leaks_streams": "leaving_early",
        "stream_errors_as_200": "error_before_the_stream",
    },
    "cache": {
        "never_caches": "equal_request_hits streamed_then_whole whole_then_streamed key_order",
        "claims_hits": "first_request_misses other_prompt_misses other_setting_misses no_cache no_store",
        "hit_with_other_text": "equal_request_hits streamed_then_whole whole_then_streamed",
        "hit_calls_model": "hit_needs_no_model",
        "hit_without_target": "hit_needs_no_model",
        "hit_without_age": "hit_has_age",
        "hit_with_old_id": "fresh_id",
        "cache_by_stream": "streamed_then_whole whole_then_streamed",
        "replay_without_done": "whole_then_streamed",
        "cache_ignores_end_of_prompt": "other_prompt_misses",
        "cache_ignores_settings": "other_setting_misses",
        "cache_by_key_order": "key_order",
        "ignores_no_cache": "no_cache",
        "ignores_no_store": "no_store",
    },
    "fallback": {
        "ignores_drills": "another_target attempts_are_counted drill_is_marked cut_stream_is_an_error "
        "cut_answer_is_not_shortened forged_drill_is_refused altered_drill_is_refused stale_drill_is_refused "
        "replayed_drill_is_refused drills_leave_the_cache_alone",
        "no_fallback": "whole_answer whole_stream another_target attempts_are_counted",
        "no_fallback_streaming": "whole_stream another_target attempts_are_counted",
        "drilled_without_text": "whole_answer",
        "same_target_named": "another_target",
        "attempts_uncounted": "attempts_are_counted",
        "drill_unmarked": "drill_is_marked",
        "drill_always_marked": "drill_is_marked",
        "cut_hidden": "cut_stream_is_an_error",
        "cut_shortens": "cut_answer_is_not_shortened",
        "accepts_forged_drills": "forged_drill_is_refused altered_drill_is_refused",
        "signs_without_fault": "forged_drill_is_refused altered_drill_is_refused",
        "accepts_stale_drills": "stale_drill_is_refused",
        "accepts_replayed_drills": "replayed_drill_is_refused",
        "odd_drill_code": "forged_drill_is_refused altered_drill_is_refused stale_drill_is_refused "
        "replayed_drill_is_refused",
        "drills_use_cache": "drills_leave_the_cache_alone",
    },
    "auth": {
        "serves_keyless": "no_key stream_is_refused models_need_a_key cache_is_guarded error_shape",
        "serves_wrong_keys": "wrong_key almost_the_key cache_is_guarded error_shape",
        "serves_prefixes": "almost_the_key",
        "serves_garbage": "garbage",
        "crashes_on_long_keys": "garbage",
        "streams_keyless": "stream_is_refused",
        "refuses_by_403": "no_key wrong_key almost_the_key garbage stream_is_refused models_need_a_key "
        "cache_is_guarded",
        "odd_key_code": "error_shape",
        "public_models": "models_need_a_key",
        "echoes_key": "key_is_not_echoed",
        "private_health": "public_paths",
        "cache_before_auth": "cache_is_guarded",
    },
    "errors": {
        "crashes": "bad_body bad_field mistakes_are_the_callers error_objects",
        "errors_as_500": "bad_body bad_field mistakes_are_the_callers",
        "errors_as_text": "error_objects unknown_model huge_body",
        "errors_in_another_shape": "error_objects unknown_model huge_body",
        "errors_without_param": "error_objects huge_body",
        "accepts_empty_messages": "bad_field error_objects",
        "accepts_any_role": "bad_field error_objects",
        "unknown_model_400": "unknown_model",
        "unknown_model_without_code": "unknown_model",
        "unknown_path_400": "unknown_path",
        "no_allow": "method_not_allowed",
        "limit_as_400": "huge_body",
        "no_request_id": "errors_carry_a_request_id request_id_is_kept unsafe_request_id",
        "same_request_id": "errors_carry_a_request_id request_id_is_kept",
        "drops_request_id": "request_id_is_kept",
        "unsafe_request_id": "unsafe_request_id",
    },
    "models": {
        "odd_list": "list",
        "models_without_created": "list",
        "models_twice": "list",
        "encoded_ids_unknown": "retrieve",
        "unknown_model_without_code": "unknown_model",
        "answers_under_another_name": "models_answer",
        "arguments_as_object": "tool_call",
        "empty_after_tool": "tool_result",
        "no_done": "streamed_tool_call",
    },
    "sessions": {
        "forgets_turns": "turns_are_kept other_tenant",
        "forgets_history": "history_is_told",
        "unnamed_turns": "turns_name_their_conversation",
        "lists_nothing": "conversation_is_listed",
        "exports_nothing": "export",
        "keeps_deleted": "deleted_is_gone",
        "unknown_is_empty": "deleted_is_gone unknown_is_not_found other_tenant",
        "any_conversation_id": "bad_id_is_refused",
        "unnamed_param": "bad_id_is_refused",
        "ignores_idempotency": "repeated_turn_adds_nothing key_for_another_turn_is_refused",
        "reuses_keys": "key_for_another_turn_is_refused",
        "open_conversations": "conversations_need_a_key",
        "shares_tenants": "other_tenant",
    },
    "resume": {
        "unnumbered": "events_are_numbered same_bytes_from_any_event last_event_id cut_connection",
        "numbers_twice": "events_are_numbered same_bytes_from_any_event last_event_id cut_connection",
        "ignores_cursor": "same_bytes_from_any_event last_event_id cut_connection",
        "replays_other_bytes": "same_bytes_from_any_event",
        "ignores_last_event_id": "last_event_id",
        "dies_with_caller": "cut_connection many_readers",
        "one_reader": "many_readers",
        "ignores_stop": "stop",
        "unknown_run_is_empty": "unknown_run",
        "any_number": "bad_number",
    },
    "socket": {
        "numbers_twice": "turn_streams lost_connection",
        "forgets_ids": "id_comes_back",
        "tickets_for_ever": "ticket_opens_once",
        "tickets_for_all": "ticket_is_for_its_conversation",
        "open_sockets": "needs_a_key",
        "never_pongs": "ping wrong_frame",
        "resumes_from_the_beginning": "lost_connection",
        "one_socket": "two_sockets",
        "ignores_stop": "stop",
        "closes_on_wrong_frames": "wrong_frame",
        "plain_as_400": "plain_request",
    },
    "limits": {
        "odd_headers": "headers",
        "says_nothing_left_out": "each_request_counts",
        "counts_late": "crowd_gets_what_is_allowed",
        "refuses_early": "crowd_gets_what_is_allowed",
        "odd_limit_code": "refusals",
        "without_retry_after": "refusals",
        "limits_all_models": "others_are_not_touched",
        "never_forgets": "crowd_gets_what_is_allowed window_passes",
    },
    "usage": {
        "counts_twice": "requests_are_counted",
        "loses_tokens": "tokens_are_those_told",
        "loses_hits": "hits_are_told",
        "another_csv": "table",
        "open_usage": "usage_needs_a_key",
        "shows_all_tenants": "only_the_tenants_own",
        "any_group": "bad_question",
    },
}


CASES = [pytest.param(suite, flaw, id=f"{suite}-{flaw}") for suite, flaws in MUTATIONS.items() for flaw in flaws]


@pytest.mark.parametrize(("suite", "flaw"), CASES)
def test_a_broken_promise_turns_its_tests_red(mutants, suite, flaw):
    outcome = mutants(suite, flaw)
    assert outcome.names("broken") == _names(suite, MUTATIONS[suite][flaw])
    assert outcome.names("error") == set()
    assert outcome.code == 1


def test_every_promise_has_a_proxy_that_breaks_it(verify):
    broken = set().union(*(_names(suite, names) for suite, flaws in MUTATIONS.items() for names in flaws.values()))
    assert verify().names("kept") == broken


def _names(suite, names):
    return {f"{suite}.test_{name}" for name in names.split()}
