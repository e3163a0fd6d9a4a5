"""The scenario of `scenario.ts`, with the Python client of OpenAPI Generator."""

import os
from types import SimpleNamespace

from generated import (
    ApiClient,
    ApiException,
    AssetBatch,
    AssetCreate,
    AssetsApi,
    Configuration,
    EpisodeStatus,
    EpisodeUpdate,
    EpisodeUpsert,
    EpisodesApi,
    FolderCreate,
    FoldersApi,
    ProblemCode,
    SpaceCreate,
    SpaceUpdate,
    SpacesApi,
)

NAMESPACE = "clients"
configuration = Configuration(host=os.environ["ORIGIN"])
configuration.access_token = os.environ["TOKEN"]
client = ApiClient(configuration)
spaces = SpacesApi(client)


def create(name, key):
    return spaces.create_space_with_http_info(
        NAMESPACE, SpaceCreate(name=name), idempotency_key=key
    )


def every_slug():
    slugs, page, pages = [], 1, 1
    while page <= pages:
        answer = spaces.list_spaces(NAMESPACE, page=page, page_size=2)
        slugs += [space.slug for space in answer.spaces]
        page, pages = page + 1, answer.total_pages
    return slugs


def problem_of(call):
    """What a call fails with, as the model that was generated for it."""
    try:
        call()
    except ApiException as failure:
        return client.deserialize(SimpleNamespace(data=failure.body), "Problem")
    raise AssertionError("it did not fail")


def expect(found, expected):
    assert found == expected, f"{found!r} is not {expected!r}"


for name in ["One", "Two", "Three"]:
    made, status, _ = create(name, f"key-{name}")
    expect((status, made.slug, made.description), (201, name.lower(), None))
    expect(create(name, f"key-{name}")[0].id, made.id)
expect(every_slug(), ["one", "two", "three"])

conflict = problem_of(lambda: create("Two", "key-conflict"))
expect((conflict.status, conflict.code), (409, ProblemCode.SLUG_CONFLICT))
invalid = problem_of(lambda: create(" ", "key-invalid"))
expect((invalid.status, invalid.code), (400, ProblemCode.VALIDATION_FAILED))
expect([violation.path for violation in invalid.errors], ["/name"])

_, _, headers = create("Four", "key-Four")
tag = headers["etag"]
last = SpaceUpdate(description="The last")
expect(spaces.update_space(NAMESPACE, "four", last, if_match=tag).description, "The last")
stale = problem_of(lambda: spaces.update_space(NAMESPACE, "four", last, if_match=tag))
expect((stale.status, stale.code), (412, ProblemCode.PRECONDITION_FAILED))

expect(spaces.delete_space_with_http_info(NAMESPACE, "four")[1], 204)
gone = problem_of(lambda: spaces.delete_space(NAMESPACE, "four"))
expect((gone.status, gone.code), (404, ProblemCode.SPACE_NOT_FOUND))
expect(every_slug(), ["one", "two", "three"])
expect(spaces.restore_space(NAMESPACE, "four").description, "The last")
expect(every_slug(), ["one", "two", "three", "four"])

folders, episodes, assets = FoldersApi(client), EpisodesApi(client), AssetsApi(client)
created = folders.create_folder(NAMESPACE, "one", FolderCreate(path="/2026/night"))
expect(created.path, "/2026/night")


def upsert(status):
    body = EpisodeUpsert(name="run 1", folder="/2026/night", status=status)
    episode, code, _ = episodes.upsert_episode_with_http_info(NAMESPACE, "one", body)
    return code, episode.status


expect(upsert(EpisodeStatus.RUNNING), (201, EpisodeStatus.RUNNING))
paths = ["/camera/front.mp4", "/joints.csv"]
batch = AssetBatch(
    assets=[
        AssetCreate(path=path, kind="file", uri=f"s3://recordings{path}", episode="run 1")
        for path in paths
    ]
)
made = assets.create_assets(NAMESPACE, "one", batch)
expect([asset.path for asset in made.assets], paths)
listed = assets.list_assets(NAMESPACE, "one", episode="run 1")
expect([asset.path for asset in listed.assets], paths)
expect(upsert(EpisodeStatus.COMPLETED), (200, EpisodeStatus.COMPLETED))
protection = EpisodeUpdate(write_protected=True)
expect(episodes.update_episode(NAMESPACE, "one", "run 1", protection).write_protected, True)
refused = problem_of(lambda: upsert(EpisodeStatus.RUNNING))
expect((refused.status, refused.code), (403, ProblemCode.WRITE_PROTECTED))
