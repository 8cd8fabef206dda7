/** Packages whose module is called as they are, with `_` for `-`. Written from what is known of them, not looked up one by one. */
const SAME = `
aio_pika aioboto3 aiobotocore aiocache aiodns aiofiles aiohttp aiohttp_cors aiohttp_jinja2 aiohttp_session aiokafka aiomysql aioodbc aiopg aioredis aiormq aiosmtplib aiosqlite alembic altair amqp
anthropic anyio apispec apprise arrow asgi_correlation_id asgi_lifespan asgiref asyncmy asyncpg asyncssh attrs authlib autobahn automat backoff bandit bcrypt beanie billiard black bleach blinker
blurhash bokeh boltons boto boto3 botocore bottle braintree cachetools casbin catboost cattrs cbor2 celery certifi cffi channels channels_redis chardet charset_normalizer cheroot chromadb click
clickhouse_connect clickhouse_driver cloudpickle colorama coloredlogs colorlog confluent_kafka connexion construct coreapi crispy_bootstrap5 cron_descriptor croniter cryptography cssselect cvxpy
dacite daphne dash dask databases databricks_sdk datadog datasets ddtrace deepdiff defusedxml dependency_injector dill distributed dj_database_url dj_rest_auth django_celery_beat django_celery_results
django_extensions django_prometheus django_ratelimit django_redis django_rq django_tables2 djoser docker docopt docutils dramatiq drf_spectacular drf_yasg duckdb dynaconf ecdsa elasticsearch
elasticsearch_dsl email_validator environs etcd3 eventlet everett exceptiongroup exchangelib fake_useragent fakeredis falcon fastapi fastapi_limiter fastapi_mail fastapi_pagination fastapi_users
fastavro feedparser fiona fire firebase_admin flake8 flasgger flask_apscheduler flask_babel flask_bcrypt flask_compress flask_cors flask_httpauth flask_jwt_extended flask_limiter flask_marshmallow
flask_restx flask_session flask_smorest flask_talisman flask_testing flower freezegun frozenlist fsspec funcy furl future fuzzywuzzy gensim geoip2 geopandas geopy gevent gevent_websocket gino gitdb
google_auth_httplib2 google_auth_oauthlib google_crc32c gql gradio granian graphene graphene_django greenlet gspread gunicorn h11 h2 h5py hiredis hishel holidays html2text html5lib httpcore httplib2
httptools httpx huey humanize hvac hypercorn hypothesis ibm_db icalendar idna imagehash imageio importlib_metadata importlib_resources inflection influxdb influxdb_client iniconfig injector instructor
intervaltree invoke ipykernel isodate isort itemadapter itsdangerous jaeger_client janus jellyfish jiter jmespath joblib joserfc json5 json_logging jsonpatch jsonpath_ng jsonpickle jsonpointer
jsonschema jwcrypto kazoo keras keyring kombu kubernetes langchain langchain_anthropic langchain_community langchain_core langchain_openai langchain_text_splitters langdetect langgraph lark ldap3
librosa lightgbm lightning limits litellm litestar localstack_client logfire loguru lxml lz4 mangum markdown2 marshmallow marshmallow_enum marshmallow_sqlalchemy matplotlib maxminddb minio mistune
mkdocs ml_dtypes mlflow mmh3 mock mongoengine more_itertools moto motor mpmath msal msgpack msgspec multidict mypy mypy_extensions nameparser natsort neo4j nest_asyncio netaddr netifaces networkx
newrelic nltk ntlm_auth numba numexpr numpy oauthlib odmantic oletools onnx onnxruntime openai openapi_spec_validator openpyxl opensearch_dsl optuna oracledb orjson ormar packaging pandas pandera
paramiko parse parsel passlib pathspec patsy pdf2image pdfplumber peewee pendulum pexpect pgvector phonenumbers piccolo pika pikepdf pillow_heif pinecone pint playwright plotly pluggy polars pony
portalocker portpicker prefect premailer prettytable proglog prometheus_client prometheus_fastapi_instrumentator prometheus_flask_exporter prompt_toolkit psutil psycopg_pool ptyprocess py7zr pyarrow
pyasn1 pyasn1_modules pybreaker pycountry pycparser pycurl pydantic pydantic_settings pydub pyfiglet pyinotify pyinstrument pylibmc pymemcache pymilvus pymongo pymssql pynamodb pyodbc pyotp pyparsing
pypdf pyperclip pyproj pyramid pyrsistent pysftp pyspark pytesseract pytest pytest_asyncio pytest_cov pytest_django python_http_client python_multipart pytorch_lightning pytz pyvips pyzbar
qdrant_client qrcode quart rapidfuzz rasterio ratelimit raven ray rdflib redis redis_om regex reportlab requests requests_cache requests_mock requests_oauthlib requests_toolbelt responses respx retry
retrying rich rich_click rq rsa s3fs s3transfer sanic schedule schema scipy scrapy seaborn segno selenium sendgrid sentence_transformers sentencepiece sentry_sdk service_identity setproctitle
setuptools shap shortuuid simple_salesforce simplejson six slack_bolt slack_sdk slowapi smart_open sniffio sortedcontainers soupsieve spacy sphinx sqlglot sqlmodel sqlparse sse_starlette sshtunnel
starlette starlette_exporter statsd statsmodels stevedore streamlit stripe structlog supervisor svglib swagger_ui_bundle sympy tabulate taskiq tblib tenacity tensorboard tensorflow tensorflow_hub
termcolor testcontainers textblob textdistance thefuzz threadpoolctl tiktoken time_machine tinycss2 tinydb tldextract tokenizers toml tomli tomli_w tomlkit toolz toposort torch torch_geometric
torchaudio torchvision tornado tox tqdm trafilatura transformers transitions trio tweepy twilio txaio typeguard typer typing_extensions typing_inspect tzdata tzlocal ua_parser ujson unstructured
uritemplate urllib3 user_agents uvicorn uvloop validators vine voluptuous w3lib waitress watchdog watchfiles watchtower wcwidth weasyprint webargs websockets wheel whitenoise wrapt wsproto xgboost
xhtml2pdf xlrd xlwt xmlschema xmltodict yarl yfinance yt_dlp zeep zipp zstandard
`;

/** Modules of packages that are called otherwise; a module below another one is looked up before that one. `name module …`. */
const OTHERS = `
ansible-core ansible|antlr4-python3-runtime antlr4|APScheduler apscheduler|argon2-cffi argon2|attrs attr|azure-core azure.core|azure-cosmos azure.cosmos|azure-data-tables azure.data.tables
azure-eventhub azure.eventhub|azure-identity azure.identity|azure-keyvault-secrets azure.keyvault.secrets|azure-monitor-opentelemetry azure.monitor.opentelemetry|azure-servicebus azure.servicebus
azure-storage-blob azure.storage.blob|azure-storage-queue azure.storage.queue|Babel babel|beautifulsoup4 bs4|biopython Bio|Brotli brotli|CairoSVG cairosvg|cassandra-driver cassandra|CherryPy cherrypy
ConfigArgParse configargparse|Cython Cython cython pyximport|Deprecated deprecated|discord.py discord|Django django|django-allauth allauth|django-appconf appconf|django-compressor compressor
django-configurations configurations|django-cors-headers corsheaders|django-crispy-forms crispy_forms|django-csp csp|django-debug-toolbar debug_toolbar|django-environ environ
django-filter django_filters|django-guardian guardian|django-health-check health_check|django-import-export import_export|django-ipware ipware|django-js-asset js_asset|django-model-utils model_utils
django-mptt mptt|django-ninja ninja|django-phonenumber-field phonenumber_field|django-rest-knox knox|django-silk silk|django-simple-history simple_history|django-storages storages|django-taggit taggit
django-treebeard treebeard|django-waffle waffle|django-widget-tweaks widget_tweaks|djangorestframework rest_framework|djangorestframework-simplejwt rest_framework_simplejwt|dnspython dns
elastic-apm elasticapm|factory-boy factory|faiss-cpu faiss|Faker faker|fastapi-cache2 fastapi_cache|Flask flask|Flask-Admin flask_admin|Flask-Caching flask_caching|Flask-Login flask_login
Flask-Mail flask_mail|Flask-Migrate flask_migrate|Flask-RESTful flask_restful|Flask-Script flask_script|Flask-SocketIO flask_socketio|Flask-SQLAlchemy flask_sqlalchemy|Flask-WTF flask_wtf
fonttools fontTools|fpdf2 fpdf|GDAL osgeo|gevent-websocket geventwebsocket|GitPython git|google-api-core google.api_core|google-api-python-client googleapiclient|google-auth google.auth google.oauth2
google-cloud-aiplatform google.cloud.aiplatform vertexai|google-cloud-bigquery google.cloud.bigquery|google-cloud-firestore google.cloud.firestore|google-cloud-logging google.cloud.logging
google-cloud-pubsub google.cloud.pubsub google.cloud.pubsub_v1|google-cloud-secret-manager google.cloud.secretmanager|google-cloud-storage google.cloud.storage
google-cloud-tasks google.cloud.tasks google.cloud.tasks_v2|google-cloud-vision google.cloud.vision|google-genai google.genai|google-generativeai google.generativeai|google-search-results serpapi
googleapis-common-protos google.api google.rpc google.type|graphql-core graphql|grpcio grpc|grpcio-health-checking grpc_health|grpcio-reflection grpc_reflection|grpcio-status grpc_status
grpcio-tools grpc_tools|hydra-core hydra|imbalanced-learn imblearn|ipython IPython|Jinja2 jinja2|kafka-python kafka|launchdarkly-server-sdk ldclient|libsass sass
llama-index-core llama_index.core llama_index|Mako mako|Markdown markdown|markdown-it-py markdown_it|MarkupSafe markupsafe|mysql-connector-python mysql.connector mysql|mysqlclient MySQLdb _mysql
nats-py nats|odfpy odf|openai-whisper whisper|opencv-python-headless cv2|opensearch-py opensearchpy|opentelemetry-api opentelemetry opentelemetry.trace opentelemetry.metrics
opentelemetry-exporter-otlp opentelemetry.exporter.otlp opentelemetry.exporter|opentelemetry-exporter-prometheus opentelemetry.exporter.prometheus
opentelemetry-instrumentation opentelemetry.instrumentation|opentelemetry-instrumentation-django opentelemetry.instrumentation.django
opentelemetry-instrumentation-fastapi opentelemetry.instrumentation.fastapi|opentelemetry-instrumentation-flask opentelemetry.instrumentation.flask
opentelemetry-instrumentation-httpx opentelemetry.instrumentation.httpx|opentelemetry-instrumentation-redis opentelemetry.instrumentation.redis
opentelemetry-instrumentation-requests opentelemetry.instrumentation.requests|opentelemetry-instrumentation-sqlalchemy opentelemetry.instrumentation.sqlalchemy|opentelemetry-sdk opentelemetry.sdk
paho-mqtt paho.mqtt paho|pdfminer.six pdfminer|Pillow PIL|protobuf google.protobuf|psycopg2-binary psycopg2|psycopg[binary] psycopg psycopg_binary psycopg_c|pulsar-client pulsar|PyAutoGUI pyautogui
pycairo cairo|pycryptodome Crypto|pycryptodomex Cryptodome|pyDes pyDes|PyGithub github|Pygments pygments|PyHamcrest hamcrest|pyhumps humps|PyJWT jwt|PyMuPDF fitz pymupdf|PyMySQL pymysql|PyNaCl nacl
pyOpenSSL OpenSSL|PyPDF2 PyPDF2|pypng png|pyroscope-io pyroscope|pysaml2 saml2|pyserial serial|PySocks socks sockshandler|python-arango arango|python-barcode barcode|python-bidi bidi
python-consul consul|python-crontab crontab|python-dateutil dateutil|python-decouple decouple|python-docx docx|python-dotenv dotenv|python-engineio engineio|python-gitlab gitlab|python-gnupg gnupg
python-jenkins jenkins|python-jose jose|python-json-logger pythonjsonlogger|python-keycloak keycloak|python-ldap ldap ldif|python-Levenshtein Levenshtein|python-logstash logstash|python-magic magic
python-memcached memcache|python-multipart multipart|python-nmap nmap|python-pptx pptx|python-rapidjson rapidjson|python-redis-lock redis_lock|python-slugify slugify|python-snappy snappy
python-socketio socketio|python-statemachine statemachine|python-telegram-bot telegram|python-ulid ulid|python-whois whois|python3-saml onelogin onelogin.saml2|pyusb usb
PyVirtualDisplay pyvirtualdisplay|PyWavelets pywt|PyYAML yaml _yaml|pyzmq zmq|redis-py-cluster rediscluster|Rtree rtree|ruamel.yaml ruamel.yaml ruamel|scikit-image skimage|scikit-learn sklearn
Send2Trash send2trash|setuptools distutils _distutils_hack|setuptools<82 pkg_resources|Shapely shapely|slackclient slack|snowflake-connector-python snowflake.connector snowflake
snowflake-sqlalchemy snowflake.sqlalchemy|SpeechRecognition speech_recognition|SQLAlchemy sqlalchemy|SQLAlchemy-Utils sqlalchemy_utils|strawberry-graphql strawberry|tortoise-orm tortoise
Twisted twisted|umap-learn umap|Unidecode unidecode|unittest-xml-reporting xmlrunner|Wand wand|weaviate-client weaviate|WebOb webob|websocket-client websocket|WebTest webtest|Werkzeug werkzeug
Whoosh whoosh|WTForms wtforms|XlsxWriter xlsxwriter|ZODB ZODB|zope.event zope.event|zope.interface zope.interface
`;

/** Modules, also dotted ones, and what is installed for them. */
export const PYTHON_MODULES: ReadonlyMap<string, string> = new Map([...sameNames(), ...otherNames()]);

/** Modules of the standard library that a Python may lack, or has lost: nothing on the index brings them. */
export const PYTHON_STANDARD: ReadonlySet<string> = new Set(
  `__future__ _bz2 _ctypes _curses _dbm _gdbm _hashlib _lzma _socket _sqlite3 _ssl _tkinter _uuid _zoneinfo abc aifc argparse array ast asynchat asyncio asyncore
  audioop base64 bdb binascii binhex bisect builtins bz2 calendar cgi cgitb chunk cmath cmd code codecs codeop collections colorsys compileall concurrent configparser contextlib contextvars copy copyreg
  crypt csv ctypes curses dataclasses datetime dbm decimal difflib dis doctest email encodings ensurepip enum errno faulthandler fcntl filecmp fileinput fnmatch formatter fractions ftplib functools
  gc getopt getpass gettext glob graphlib grp gzip hashlib heapq hmac html http idlelib imaplib imghdr imp importlib inspect io ipaddress itertools json keyword lib2to3 linecache locale logging
  lzma mailbox mailcap marshal math mimetypes mmap modulefinder msilib multiprocessing netrc nis nntplib numbers operator optparse os ossaudiodev parser pathlib pdb pickle pickletools pipes pkgutil
  platform plistlib poplib posix pprint profile pstats pty pwd py_compile pyclbr pydoc queue quopri random re readline reprlib resource rlcompleter runpy sched secrets select selectors shelve shlex
  shutil signal site smtpd smtplib sndhdr socket socketserver spwd sqlite3 ssl stat statistics string stringprep struct subprocess sunau symtable sys sysconfig syslog tabnanny tarfile telnetlib
  tempfile termios textwrap this threading time timeit tkinter token tokenize tomllib trace traceback tracemalloc tty turtle types typing unicodedata unittest urllib uu uuid venv warnings wave
  weakref webbrowser winreg wsgiref xdrlib xml xmlrpc zipapp zipfile zipimport zlib zoneinfo ConfigParser Queue StringIO urllib2 urlparse httplib cPickle`.split(
    /\s+/,
  ),
);

/** What to require for a module, by its longest known beginning of at least so many names; undefined where the table does not know. */
export function packageOf(module: string, atLeast = 1): string | undefined {
  const parts = module.split(".");
  for (let length = parts.length; length >= atLeast; length--) {
    const found = PYTHON_MODULES.get(parts.slice(0, length).join("."));
    if (found !== undefined) return found;
  }
  return undefined;
}

function sameNames(): readonly (readonly [string, string])[] {
  return SAME.trim()
    .split(/\s+/)
    .map((name) => [name, name.replaceAll("_", "-")] as const);
}

function otherNames(): readonly (readonly [string, string])[] {
  return OTHERS.trim()
    .split(/[|\n]/)
    .flatMap((entry) => {
      const [name = "", ...modules] = entry.split(" ");
      return modules.map((module) => [module, name] as const);
    });
}
