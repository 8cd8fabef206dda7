from http.server import BaseHTTPRequestHandler, HTTPServer

import itsdangerous
import yaml


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(yaml.safe_dump({"ok": True, "signed": itsdangerous.__name__}).encode())


HTTPServer(("", 8000), Answer).serve_forever()
