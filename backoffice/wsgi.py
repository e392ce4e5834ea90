import os

from django.core.wsgi import get_wsgi_application

from backoffice import log_files

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backoffice.settings")

application = get_wsgi_application()
log_files.write("app")
