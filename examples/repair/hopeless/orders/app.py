import os
from http.server import BaseHTTPRequestHandler, HTTPServer

import yaml

DATABASE_URL = os.environ["DATABASE_URL"]


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(yaml.safe_dump({"orders": []}).encode())


HTTPServer(("", 8000), Answer).serve_forever()
