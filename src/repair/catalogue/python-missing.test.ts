import { describe, expect, test } from "bun:test";
import { changed, PYTHON, told, toolOf } from "./dependency-case.fake.ts";
import { packageOf, PYTHON_MODULES } from "./python-modules.ts";

const missing = (module: string): string =>
  `Traceback (most recent call last):\n  File "/app/app.py", line 1, in <module>\nModuleNotFoundError: No module named '${module}'`;
const files = (over: Readonly<Record<string, string>> = {}) => ({ Dockerfile: PYTHON, "requirements.txt": "flask==3.0.3\n", ...over });

/** `yaml` is missing, in a service with these files. */
const yaml = (over: Readonly<Record<string, string>>) => changed({ log: missing("yaml"), files: files(over) });

describe("which module", () => {
  test.each([
    [missing("cv2"), "fix python-module-missing:cv2"],
    ["ImportError: No module named 'yaml'", "fix python-module-missing:yaml"],
    ["ImportError: No module named yaml", "fix python-module-missing:yaml"],
    ["/usr/local/bin/python: No module named gunicorn", "fix python-module-missing:gunicorn"],
    ["django.core.exceptions.ImproperlyConfigured: Error loading psycopg2 or psycopg module", "fix python-module-missing:psycopg2"],
    ["django.core.exceptions.ImproperlyConfigured: Error loading MySQLdb module.", "fix python-module-missing:MySQLdb"],
    ["ImportError: Missing optional dependency 'openpyxl'.  Use pip or conda to install openpyxl.", "fix python-module-missing:openpyxl"],
    ['RuntimeError: Form data requires "python-multipart" to be installed. ', "fix python-module-missing:python_multipart"],
    [`    from google.cloud import storage\n${missing("google").split("\n")[2]}`, "fix python-module-missing:google.cloud.storage"],
    [`    import yaml\n    import ruamel.yaml\nModuleNotFoundError: No module named 'ruamel'`, "fix python-module-missing:ruamel"],
    [missing("google"), "report python-module-missing:google"],
    [missing("acme_rates"), "approve python-module-missing:acme_rates"],
    [missing("yaml.foo"), "report python-module-missing:yaml.foo"],
    ["ModuleNotFoundError: No module named 'yaml.foo'; 'yaml' is not a package", "report python-module-missing:yaml.foo"],
    [missing("app"), "report python-module-missing:app"],
    [missing("utils"), "report python-module-missing:utils"],
    [missing("_sqlite3"), "report python-module-missing:_sqlite3"],
    [missing("imp"), "report python-module-missing:imp"],
    [missing("pip"), "report python-module-missing:pip"],
    ["\u001b[91m\u001b[1mModuleNotFoundError: No module named 'jwt'\u001b[0m", "fix python-module-missing:jwt"],
    ["api-1  | ModuleNotFoundError: No module named 'jwt'", "fix python-module-missing:jwt"],
  ])("%s", (log, finding) => {
    expect(told({ log, files: files() })).toEqual([finding]);
  });

  test.each([
    "ImportError: cannot import name 'a' from 'yaml' (/x/yaml/__init__.py)",
    "INFO: ModuleNotFoundError handled",
    "no such module: yaml",
    "AttributeError: module 'yaml' has no attribute 'x'",
  ])("not %s", (log) => {
    expect(told({ log, files: files() })).toEqual([]);
  });

  test("is the project's own where its file is in the tree", () => {
    const own = (module: string, path: string) => told({ log: missing(module), files: files({ [path]: "" }) });
    expect(own("shop", "shop/__init__.py")).toEqual(["report python-module-missing:shop"]);
    expect(own("rates", "lib/deep/rates.py")).toEqual(["report python-module-missing:rates"]);
    expect(own("redis", "redis.py")).toEqual(["report python-module-missing:redis"]);
    // A known package that only a folder somewhere is called like.
    expect(own("redis", "tests/fakes/redis/__init__.py")).toEqual(["fix python-module-missing:redis"]);
    expect(own("redis", "redis/Dockerfile")).toEqual(["fix python-module-missing:redis"]);
  });
});

describe("where its package goes", () => {
  test("into the file that the image installs from, whatever it is called there", () => {
    expect(yaml({})).toEqual({ "requirements.txt": "flask==3.0.3\nPyYAML\n" });
    expect(
      yaml({
        Dockerfile: PYTHON.replace("COPY requirements.txt .", "COPY requirements.txt /tmp/r.txt").replace("-r requirements", "-r /tmp/r"),
      }),
    ).toEqual({
      "requirements.txt": "flask==3.0.3\nPyYAML\n",
    });
    const bound = PYTHON.replace("RUN pip", "RUN --mount=type=bind,source=requirements.txt,target=/tmp/requirements.txt pip").replace(
      "-r req",
      "-r /tmp/req",
    );
    expect(Object.keys(yaml({ Dockerfile: bound }))).toEqual(["requirements.txt"]);
    expect(yaml({ Dockerfile: PYTHON.replaceAll("requirements.txt", "requirements-prod.txt"), "requirements-prod.txt": "a\r\n" })).toEqual({
      "requirements-prod.txt": "a\r\nPyYAML\r\n",
    });
    const two = PYTHON.replace("-r requirements.txt", "-r requirements-dev.txt && python3 -m pip install -r requirements.txt");
    expect(Object.keys(yaml({ Dockerfile: two, "requirements-dev.txt": "pytest\n" }))).toEqual(["requirements.txt"]);
  });

  test("into the stage that installs, where the last one only copies", () => {
    const stages =
      'FROM python:3.11 AS build\nCOPY requirements.txt /r/requirements.txt\nRUN pip install --prefix=/install -r /r/requirements.txt\nFROM python:3.11-slim\nCOPY --from=build /install /usr/local\nCOPY . .\nCMD ["python", "app.py"]\n';
    expect(yaml({ Dockerfile: stages })).toEqual({ "requirements.txt": "flask==3.0.3\nPyYAML\n" });
    expect(yaml({ Dockerfile: stages.replace("install --prefix=/install", "wheel -w /install") })).toEqual({
      "requirements.txt": "flask==3.0.3\nPyYAML\n",
    });
  });

  test("into the command, where that names the packages", () => {
    const inline = PYTHON.replace("-r requirements.txt", "--no-cache-dir flask \\\n    gunicorn && rm -rf /x");
    expect(yaml({ Dockerfile: `RUN true\n${inline}`.slice(9) })).toEqual({ Dockerfile: inline.replace("gunicorn", "gunicorn PyYAML") });
    const log = missing("pkg_resources");
    expect(changed({ log, files: { Dockerfile: inline } })).toEqual({ Dockerfile: inline.replace("gunicorn", 'gunicorn "setuptools<82"') });
    // What the default rules do not let a patch touch.
    expect(
      yaml({ Dockerfile: PYTHON.replaceAll("requirements.txt", "requirements/base.txt"), "requirements/base.txt": "flask\n" }),
    ).toEqual({
      Dockerfile: PYTHON.replaceAll("requirements.txt", "requirements/base.txt").replace(
        "-r requirements/base.txt",
        "-r requirements/base.txt PyYAML",
      ),
    });
    expect(yaml({ Dockerfile: PYTHON.replace("RUN pip", "RUN pip install --upgrade pip\nRUN pip") })).toEqual({
      "requirements.txt": "flask==3.0.3\nPyYAML\n",
    });
  });

  test("into pyproject.toml, with its lock", () => {
    const Dockerfile =
      'FROM python:3.11-slim\nWORKDIR /app\nRUN pip install "poetry==1.8.5"\nCOPY pyproject.toml poetry.lock ./\nRUN poetry install\n';
    const all = {
      Dockerfile,
      "pyproject.toml": '[tool.poetry.dependencies]\npython = "^3.11"\n',
      "poetry.lock": "# @generated by Poetry 1.8.3\n",
    };
    const run = toolOf({ log: missing("yaml"), files: all });
    expect(run).toMatchObject({
      image: "python:3.11-slim",
      cwd: ".",
      writes: ["poetry.lock"],
      edits: [{ path: "pyproject.toml", text: '[tool.poetry.dependencies]\npython = "^3.11"\nPyYAML = "*"\n' }],
    });
    expect(run?.argv.at(-1)).toEndWith("poetry==1.8.5 && /tmp/poetry/bin/poetry lock --no-interaction --no-update");
  });

  test("into a command of its own, where nothing is installed yet", () => {
    const bare = 'FROM python:3.11-slim\nWORKDIR /app\nCOPY . .\nUSER app\nCMD ["python", "app.py"]\n';
    expect(changed({ log: missing("yaml"), files: { Dockerfile: bare } })).toEqual({
      Dockerfile: bare.replace("USER", "RUN pip install --no-cache-dir PyYAML\nUSER"),
    });
    expect(yaml({ Dockerfile: bare })).toEqual({
      Dockerfile: bare.replace("USER", "RUN pip install --no-cache-dir -r requirements.txt\nUSER"),
      "requirements.txt": "flask==3.0.3\nPyYAML\n",
    });
  });

  test("nowhere, where it is asked for already or no file of it may be changed", () => {
    const of = (over: Readonly<Record<string, string>>) => told({ log: missing("yaml"), files: files(over) });
    expect(of({ "requirements.txt": "pyyaml>=6\n" })).toEqual(["report python-module-missing:yaml"]);
    expect(of({ "requirements.txt": "-r base.txt\n", "base.txt": "PyYAML\n" })).toEqual(["report python-module-missing:yaml"]);
    expect(of({ Dockerfile: PYTHON.replace("pip install -r requirements.txt", "uv sync --frozen") })).toEqual([
      "report python-module-missing:yaml",
    ]);
    expect(told({ log: missing("yaml") })).toEqual(["report python-module-missing:yaml"]);
    // Without a hash of its own, only if somebody agrees.
    expect(of({ "requirements.txt": "flask==3.0.3 --hash=sha256:aa\n" })).toEqual(["approve python-module-missing:yaml"]);
  });
});

describe("the table", () => {
  test("knows the names of the contract", () => {
    const named = {
      cv2: "opencv-python-headless",
      yaml: "PyYAML",
      PIL: "Pillow",
      bs4: "beautifulsoup4",
      sklearn: "scikit-learn",
      dateutil: "python-dateutil",
      dotenv: "python-dotenv",
      jwt: "PyJWT",
      MySQLdb: "mysqlclient",
      pkg_resources: "setuptools<82",
    };
    for (const [module, name] of Object.entries(named)) expect(packageOf(module)).toBe(name);
    for (const same of ["requests", "numpy", "pandas", "boto3"]) expect(packageOf(same)).toBe(same);
    expect([packageOf("flask"), packageOf("google"), packageOf("reqeusts")]).toEqual(["Flask", undefined, undefined]);
    expect([...PYTHON_MODULES.keys()].filter((module) => !/^[A-Za-z_][\w.]*$/.test(module))).toEqual([]);
  });
});
