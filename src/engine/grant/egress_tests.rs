use super::*;

#[test]
fn what_leaves_the_machine_needs_cloud_whatever_the_models() {
    let every = models(&["*"]);
    let chat = route("POST", "/api/chat");
    for (body, leaves) in [
        (r#"{"model": "a:cloud"}"#, true),
        (r#"{"model": "a:8B-Cloud"}"#, true),
        (r#"{"model": " a: cloud "}"#, true),
        (r#"{"model": "a b:cloud"}"#, true),
        (r#"{"model": "a", "name": "a"}"#, false),
        (r#"{"model": "a", "from": "b:cloud"}"#, true),
        (r#"{"model": "a", "source": "b:cloud"}"#, true),
        (r#"{"model": "a", "destination": "b:8b-cloud"}"#, true),
        (r#"{"model": "a-cloud"}"#, false),
        (r#"{"model": "a", "from": "b", "remote_host": "x"}"#, true),
        (r#"{"model": "a", "from": "b", "remote_host": " "}"#, true),
        (r#"{"model": "a", "from": "b", "remote_host": ""}"#, false),
        (r#"{"model": "a", "from": "b", "remote_host": null}"#, false),
        (
            r#"{"model": "a", "tools": [{"type": "web_search_20250305"}]}"#,
            true,
        ),
        (r#"{"model": "a", "tools": [{"type": "function"}]}"#, false),
    ] {
        let body = members(body);
        let no_cloud = ScopeSet::DEFAULT.with(Scope::Manage);
        let local = check([&every], no_cloud, chat, BodyKind::Json, &body);
        assert_eq!(local.is_err(), leaves, "{body:?}");
        if let Err(denial) = local {
            assert_eq!(denial.reason(), Reason::ScopeDenied, "{body:?}");
            assert!(
                denial
                    .message()
                    .contains("needs `cloud`, this credential has `read`, `inference`, `manage`"),
                "{body:?}"
            );
        }
        let cloud = check([&every], ScopeSet::EVERY, chat, BodyKind::Json, &body);
        let is_name = body.model.as_deref() != Some("a b:cloud");
        assert_eq!(cloud.is_ok(), is_name, "{body:?}");
        let only_limits = limits(RequestLimits {
            num_ctx: Some(1),
            ..RequestLimits::default()
        });
        let limited = check([&only_limits], no_cloud, chat, BodyKind::Json, &body);
        assert_eq!(limited.is_err(), leaves, "{body:?}");
    }
}
