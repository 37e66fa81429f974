"""Which answer belongs to which address of the loopback hub."""

from . import answers, writing

NAME = r"([\w.-]+/[\w.-]+)"


ROUTES = [
    ("GET", r"/api/models", answers.listing),
    ("GET", rf"/api/models/{NAME}", answers.info),
    ("GET", rf"/api/models/{NAME}/revision/([^/]+)", answers.info),
    ("GET", rf"/api/models/{NAME}/tree/([^/]+)", answers.tree),
    ("GET", rf"/api/models/{NAME}/tree/([^/]+)/(.+)", answers.tree),
    ("POST", rf"/api/models/{NAME}/paths-info/([^/]+)", answers.paths_info),
    ("GET", rf"/api/datasets/{NAME}/revision/([^/]+)", answers.dataset_info),
    ("GET", rf"/datasets/{NAME}/resolve/([^/]+)/(.+)", answers.dataset_file),
    ("GET", rf"/{NAME}/resolve/([^/]+)/(.+)", answers.resolve),
    ("GET", r"/api/whoami-v2", answers.who),
    ("POST", r"/api/repos/create", writing.create),
    ("DELETE", r"/api/repos/delete", writing.delete),
    ("PUT", rf"/api/models/{NAME}/settings", writing.settings),
    ("POST", r"/api/validate-yaml", writing.validate_yaml),
    ("POST", rf"/api/models/{NAME}/preupload/([^/]+)", writing.preupload),
    ("POST", rf"/{NAME}\.git/info/lfs/objects/batch", writing.batch),
    ("POST", rf"/api/lfs/{NAME}/complete", writing.complete),
    ("POST", rf"/api/lfs/{NAME}/verify", writing.verify),
    ("POST", rf"/api/models/{NAME}/commit/([^/]+)", writing.commit),
]


STORAGE_ROUTES = [
    ("GET", r"/((?:datasets/)?[\w.-]+/[\w.-]+)/([0-9a-f]{64})", answers.stored),
    ("PUT", rf"/{NAME}/([0-9a-f]{{64}})", writing.upload),
    ("PUT", rf"/{NAME}/([0-9a-f]{{64}})/(\d+)", writing.upload_part),
]
