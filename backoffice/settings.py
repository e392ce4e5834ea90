"""The one settings file. What differs between places is read from the environment (docs/settings.md).

Settings that are a matter of their own (DATABASES, MAILERS, LOGGING, SECURE_CSP, UNFOLD) have a module beside this one.
"""

from pathlib import Path
from zoneinfo import available_timezones

from django.utils.translation import gettext_lazy as _

from backoffice import csp, databases, embedded, env, logs, mailers, theme

BASE_DIR = Path(__file__).resolve().parent.parent
LOCAL_DIR = BASE_DIR / ".local"

env.read_dotenv(BASE_DIR / ".env")
# Without DB_HOST, commands beside a running scripts/quickstart.py use its servers and settings.
if not env.text("DB_HOST", ""):
    env.set_defaults(embedded.running(LOCAL_DIR))

# --- Security ---------------------------------------------------------------------------------------------

DEBUG = env.flag("DEBUG", default=False)
SECRET_KEY = env.text("SECRET_KEY", "development-only" * 4 if DEBUG else None)
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")
SECURE_SSL_REDIRECT = env.flag("SECURE_SSL_REDIRECT", default=not DEBUG)
SECURE_HSTS_SECONDS = env.number("SECURE_HSTS_SECONDS", 0 if DEBUG else 3600)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT
if env.flag("TRUST_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_CSP = csp.PAGES
# Whether subdomains and browsers' preload lists are bound too is the domain owner's decision.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

# --- Applications -----------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.import_export",
    "backoffice.apps.AdministrationConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "guardian",
    "import_export",
    "django_apscheduler",
    "procrastinate.contrib.django",
    "backoffice.apps.BackofficeConfig",
    "accounts",
    "campaigns",
]

MIDDLEWARE = [
    "backoffice.correlation.CorrelationMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "backoffice.health.HealthMiddleware",
    "campaigns.admin.operations.metrics.MetricsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.preferences.PreferencesMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "backoffice.method_refusals.MethodRefusalMiddleware",
]

ROOT_URLCONF = "backoffice.urls"
WSGI_APPLICATION = "backoffice.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.template.context_processors.csp",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Database and cache -----------------------------------------------------------------------------------

DATABASES = databases.from_environment()
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.redis_url("REDIS_URL")
CACHES = {
    "default": {
        "BACKEND": "backoffice.caching.FailSafeRedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "autosend",
        "OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 1},
    }
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
}

# --- People -----------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
]
ANONYMOUS_USER_NAME = None
GUARDIAN_MONKEY_PATCH_USER = False
GUARDIAN_MONKEY_PATCH_GROUP = False
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

# --- Language and time ------------------------------------------------------------------------------------

# Those that have a catalogue. With a second one here, people can choose (docs/settings.md).
LANGUAGES = [("en", _("English"))]
_codes = [code for code, _name in LANGUAGES]
LANGUAGE_CODE = env.checked("LANGUAGE_CODE", "en", f"one of {', '.join(_codes)}", _codes.__contains__)
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["backoffice.formats"]
TIME_ZONE = env.checked("TIME_ZONE", "UTC", "a time zone such as Europe/Berlin", available_timezones().__contains__)
USE_TZ = True

# --- Mail -------------------------------------------------------------------------------------------------

SMTP_BACKEND = mailers.SMTP_BACKEND
MAILERS = mailers.from_environment()
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "Message AutoSend <autosend@localhost>")
SERVER_EMAIL = env.text("SERVER_EMAIL", DEFAULT_FROM_EMAIL)

# --- Sending ----------------------------------------------------------------------------------------------

# False: this copy of the site launches nothing, and its workers send nothing.
SENDING_ENABLED = env.flag("SENDING_ENABLED", default=True)
# Connections to the mail server that one worker keeps open at the most.
SENDING_CONNECTIONS = env.number("SENDING_CONNECTIONS", 16, low=1, high=1024)
# A connection is closed after so many letters, or so many seconds without one.
SENDING_LETTERS_PER_CONNECTION = env.number("SENDING_LETTERS_PER_CONNECTION", 1000, low=1)
SENDING_IDLE_SECONDS = env.number("SENDING_IDLE_SECONDS", 10, low=1, high=3600)
# Ledger rows that one job delivers (leases of some 1,000 rows ran 4 times as fast as row-wise SKIP LOCKED).
SENDING_CHUNK_ROWS = env.number("SENDING_CHUNK_ROWS", 2000, low=1, high=100_000)
# An audience of at least so many is written into the ledger by a worker, in slices, while sending begins.
SENDING_INLINE_ROWS = env.number("SENDING_INLINE_ROWS", 5000, low=1)
# After a press of Send the letters wait for so long, and the launch can be undone.
SENDING_UNDO_SECONDS = env.number("SENDING_UNDO_SECONDS", 10, low=0, high=3600)
# Whoever sends more letters than this types their number first.
SENDING_CONFIRM_ROWS = env.number("SENDING_CONFIRM_ROWS", 1000, low=0)
# The preflight names letters of more bytes than this. What the mail server takes, it says itself when letters are sent.
SENDING_MAX_LETTER_BYTES = env.number("SENDING_MAX_LETTER_BYTES", 10_000_000, low=1000)
# A deferred letter (4xx) is tried again after this many seconds, doubled at each try, at the most SENDING_TRIES times.
SENDING_RETRY_SECONDS = env.number("SENDING_RETRY_SECONDS", 60, low=1, high=86_400)
SENDING_TRIES = env.number("SENDING_TRIES", 8, low=1, high=100)
# It is given up when the pauses between its tries would be longer than this, taken together.
SENDING_LIFETIME_HOURS = env.number("SENDING_LIFETIME_HOURS", 48, low=1, high=720)
# A domain whose server answers 421 or 4.7.x gets nothing for this long, doubled each time in a row up to the longest.
SENDING_SLOWDOWN_SECONDS = env.number("SENDING_SLOWDOWN_SECONDS", 30, low=1, high=3600)
SENDING_SLOWDOWN_MAX_SECONDS = env.number("SENDING_SLOWDOWN_MAX_SECONDS", 900, low=1, high=3600)

# The mailing log of attempts that ended so many days ago is removed; reports stay right. 0: it is kept for ever.
LOG_RETENTION_DAYS = env.number("LOG_RETENTION_DAYS", 0, low=0, high=36_500)

# --- Imports ----------------------------------------------------------------------------------------------

# Files of recipients that are larger are refused while they come in.
IMPORT_MAX_MB = env.number("IMPORT_MAX_MB", 500, low=1, high=100_000)
FILE_UPLOAD_HANDLERS = [
    "backoffice.uploads.SizeLimit",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
# The files are removed after so many days; what became of their rows stays.
IMPORT_KEEP_DAYS = env.number("IMPORT_KEEP_DAYS", 7, low=1, high=3650)

# --- The queue --------------------------------------------------------------------------------------------

PROCRASTINATE_AUTODISCOVER_MODULE_NAME = None
PROCRASTINATE_IMPORT_PATHS = ["campaigns.sending.queue.jobs", "campaigns.imports.jobs", "campaigns.bulk.jobs"]
# A worker that has given no sign of life for so long is taken for dead, and its jobs are started again.
STALLED_WORKER_SECONDS = env.number("STALLED_WORKER_SECONDS", 15, low=2, high=3600)
PROCRASTINATE_WORKER_DEFAULTS = {
    "update_heartbeat_interval": STALLED_WORKER_SECONDS / 3,
    # Whom a starting worker forgets. Not after STALLED_WORKER_SECONDS: while the database was away no worker could give
    # a sign of life, and one that starts when it is back would forget those who live. The sweep tells them apart.
    "stalled_worker_timeout": 24 * 3600,
    "fetch_job_polling_interval": 1,
    "delete_jobs": "successful",
}

# --- Files, logs, look ------------------------------------------------------------------------------------

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

LOGGING = logs.to_console(
    level=env.checked("LOG_LEVEL", "INFO", f"one of {', '.join(logs.LEVELS)}", logs.LEVELS.__contains__),
    form=env.checked("LOG_FORMAT", "line", f"one of {', '.join(logs.FORMATS)}", logs.FORMATS.__contains__),
)
# The files of the processes that have some. Empty: none, as in containers.
LOG_DIR = env.folder("LOG_DIR", BASE_DIR / "logs")
LOG_KEEP_DAYS = env.number("LOG_KEEP_DAYS", 30, low=1, high=3650)
LOG_SQL = env.flag("LOG_SQL", default=DEBUG)

# --- To watch it from outside -----------------------------------------------------------------------------

# What Prometheus shows at /metrics; without it there is no such page.
METRICS_TOKEN = env.text("METRICS_TOKEN", "")
# Who gets mail about what goes wrong, besides the owner of the mailing.
ADMINS = env.words("ADMINS")
# An attempt that makes no progress for so long is told about; 0: none is.
STUCK_ATTEMPT_MINUTES = env.number("STUCK_ATTEMPT_MINUTES", 15, high=1440)

UNFOLD = theme.UNFOLD
IMPORT_EXPORT_SKIP_ADMIN_LOG = True
