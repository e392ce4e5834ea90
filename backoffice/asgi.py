import os

from django.core.asgi import get_asgi_application

from backoffice import log_files

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backoffice.settings")

application = get_asgi_application()
log_files.write("app")
