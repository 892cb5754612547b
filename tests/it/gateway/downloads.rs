use super::harness::{Gateway, assert_error};
use super::upstream::Upstream;

#[tokio::test]
async fn a_file_is_downloaded_by_the_path_that_the_library_wrote() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream);
    for (path, expected) in [
        ("/file/{bot}/photos/file_1.jpg", "/file/botTOKEN/photos/file_1.jpg"),
        ("/file/{bot}/photos%2Ffile_1.jpg", "/file/botTOKEN/photos%2Ffile_1.jpg"),
        ("/file/{bot}/documents/a%20b%3F.txt?x=1", "/file/botTOKEN/documents/a%20b%3F.txt?x=1"),
        ("/file/{bot}//var/lib/bot/1.jpg", "/file/botTOKEN//var/lib/bot/1.jpg"),
        ("/file/{bot}/a..b/...c", "/file/botTOKEN/a..b/...c"),
        ("/file/{bot}/a%C3%A9%5C", "/file/botTOKEN/a%C3%A9%5C"),
    ] {
        assert_eq!(gateway.get(path).await.status, 200, "{path}");
        assert_eq!(upstream.only().target, expected);
    }
}

#[tokio::test]
async fn a_path_with_dot_segments_is_refused() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream);
    for path in ["../x", "a/../../x", "a/%2e%2e/x", "%2E%2E%2Fx", "a/.", "..\\x", "a%5C..%5Cx", "a%0d%0ax"] {
        assert_error(&gateway.get(&format!("/file/{{bot}}/{path}")).await, 400, "Bad Request: a file path");
    }
    for path in ["/file/{bot}", "/file/{bot}/", "/file", "/file/"] {
        assert_error(&gateway.get(path).await, 404, "Not Found");
    }
    assert!(upstream.seen().is_empty());
}
