"""The loopback hub is a hub to the plain client, huggingface_hub as it is installed; and it is strict."""

import io
import pathlib

import pytest
from huggingface_hub import CommitOperationAdd, HfApi, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import get_session

from tests.loopback import LoopbackHub

BINARY = bytes(range(256)) * 100


@pytest.fixture
def api(loopback) -> HfApi:
    return HfApi(loopback.endpoint, token=loopback.token("ada"))


@pytest.fixture
def repo(api) -> str:
    """Two commits: small text in git, binary data in LFS."""
    api.create_repo("ada/thing")
    api.upload_file(path_or_fileobj=b"# thing\n", path_in_repo="docs/README.md", repo_id="ada/thing")
    api.create_commit(
        "ada/thing", [CommitOperationAdd("data.bin", io.BytesIO(BINARY))], commit_message="data"
    )
    return "ada/thing"


def test_what_is_committed_is_what_is_downloaded(api, repo, tmp_path):
    folder = snapshot_download(repo, endpoint=api.endpoint, token=api.token, cache_dir=tmp_path)
    assert (tmp_path / folder / "data.bin").read_bytes() == BINARY
    assert (tmp_path / folder / "docs/README.md").read_text() == "# thing\n"
    first = api.model_info(repo).sha
    api.upload_file(path_or_fileobj=b"# other\n", path_in_repo="docs/README.md", repo_id=repo)
    old = hf_hub_download(
        repo, "docs/README.md", revision=first, endpoint=api.endpoint, token=api.token, cache_dir=tmp_path
    )
    assert pathlib.Path(old).read_text() == "# thing\n"


def test_tree_and_paths_say_sizes_and_hashes(api, repo):
    tree = {entry.path: entry for entry in api.list_repo_tree(repo, recursive=True)}
    assert set(tree) == {".gitattributes", "data.bin", "docs", "docs/README.md"}
    (data,) = api.get_paths_info(repo, "data.bin")
    assert data.size == len(BINARY) == tree["data.bin"].lfs.size
    assert data.lfs.sha256 == tree["data.bin"].lfs.sha256 != tree["data.bin"].blob_id
    assert [entry.path for entry in api.list_repo_tree(repo, "docs")] == ["docs/README.md"]


def test_listings_go_on_behind_a_link(api, loopback):
    loopback.page = 2
    for name in "abcde":
        api.create_repo(f"ada/{name}")
    assert sorted(model.id for model in api.list_models(author="ada")) == [f"ada/{name}" for name in "abcde"]
    assert len(loopback.asked("cursor=")) == 2


def test_large_uploads_go_in_parts(tmp_path):
    with LoopbackHub(multipart_over=1_000_000) as hub:
        api = HfApi(hub.endpoint, token=hub.token("ada"))
        api.create_repo("ada/large")
        data = BINARY * 100
        api.create_commit(
            "ada/large", [CommitOperationAdd("large.bin", io.BytesIO(data))], commit_message="large"
        )
        assert hub.repositories["ada/large"].at("main").files["large.bin"].data == data
        assert len(hub.asked("PUT")) == 3
        assert hub.complaints == []


def test_a_proposal_leaves_main_alone(api, repo, loopback):
    eve = HfApi(api.endpoint, token=loopback.token("eve"))
    with pytest.raises(HfHubHTTPError, match="403"):
        eve.upload_file(path_or_fileobj=b"mine", path_in_repo="a.txt", repo_id=repo)
    made = eve.upload_file(path_or_fileobj=b"mine", path_in_repo="a.txt", repo_id=repo, create_pr=True)
    assert made.pr_url == f"{api.endpoint}/ada/thing/discussions/1"
    assert "a.txt" not in loopback.repositories[repo].at("main").files
    assert "a.txt" in [s.rfilename for s in api.model_info(repo, revision="refs/pr/1").siblings]


def test_who_may_see_what(api, repo, loopback):
    eve, nobody = HfApi(api.endpoint, token=loopback.token("eve")), HfApi(api.endpoint, token=False)
    assert api.whoami()["name"] == "ada"
    api.update_repo_settings(repo, gated="manual")
    for client in (eve, nobody):
        assert client.model_info(repo).gated == "manual"
        with pytest.raises(GatedRepoError):
            client.hf_hub_download(repo, "data.bin")
    loopback.repositories[repo].granted.add("eve")
    assert pathlib.Path(eve.hf_hub_download(repo, "data.bin")).read_bytes() == BINARY
    api.update_repo_settings(repo, private=True)
    for client in (eve, nobody):
        with pytest.raises(RepositoryNotFoundError):
            client.model_info(repo)
    api.delete_repo(repo)
    with pytest.raises(RepositoryNotFoundError):
        api.model_info(repo)


def test_what_is_not_there(api, repo, tmp_path):
    with pytest.raises(RevisionNotFoundError):
        api.model_info(repo, revision="v9")
    with pytest.raises(EntryNotFoundError):
        hf_hub_download(repo, "absent", endpoint=api.endpoint, token=api.token, cache_dir=tmp_path)


def test_it_is_strict():
    """What the client does not do is refused, and remembered."""
    with LoopbackHub() as hub:
        token = {"Authorization": f"Bearer {hub.token('ada')}"}
        hub.make("ada/thing")
        ask = get_session().request
        wrong = [
            ask("GET", f"{hub.endpoint}/api/models?order=size"),
            ask("GET", f"{hub.endpoint}/api/nothing"),
            ask("POST", f"{hub.endpoint}/api/repos/create", headers=token, json={"name": "x"}),
            ask(
                "POST",
                f"{hub.endpoint}/api/models/ada/thing/commit/main",
                headers=token,
                json={"key": "header"},
            ),
            ask("GET", f"{hub.storage}/ada/thing/{'0' * 64}", headers=token),
        ]
        assert [answer.status_code for answer in wrong] == [400, 404, 400, 400, 400]
        assert len(hub.complaints) == len(wrong)
