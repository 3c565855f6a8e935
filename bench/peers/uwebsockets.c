/* A server on uWebSockets that does what the others are asked for and no more: GET /sub?id=TOPIC
   upgrades to a WebSocket that hears the topic; POST /pub?id=TOPIC publishes its body as a text
   frame and answers 200 when it has been handed to the topic's sockets.

     uwebsockets PORT

   Linked with the shared object of the Python package socketify, which is uWebSockets with a C
   interface; the declarations below are that interface (socketify/native.py). */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { plain = 0, text_frame = 1, topic_max = 64 };

typedef struct uws_app_s uws_app_t;
typedef struct uws_req_s uws_req_t;
typedef struct uws_res_s uws_res_t;
typedef struct uws_websocket_s uws_websocket_t;
typedef struct uws_socket_context_s uws_socket_context_t;
struct us_listen_socket_t;

struct us_socket_context_options_t {
  const char* texts[6];
  int ssl_prefer_low_memory_usage;
};

typedef struct {
  int port;
  const char* host;
  int options;
} uws_app_listen_config_t;

typedef struct {
  int compression;
  unsigned int max_payload_length;
  unsigned short idle_timeout;
  unsigned int max_backpressure;
  bool close_on_backpressure_limit;
  bool reset_idle_timeout_on_send;
  bool send_pings_automatically;
  unsigned short max_lifetime;
  void (*upgrade)(uws_res_t*, uws_req_t*, uws_socket_context_t*, void*);
  void (*open)(uws_websocket_t*, void*);
  void (*message)(uws_websocket_t*, const char*, size_t, int, void*);
  void (*drain)(uws_websocket_t*, void*);
  void (*ping)(uws_websocket_t*, const char*, size_t, void*);
  void (*pong)(uws_websocket_t*, const char*, size_t, void*);
  void (*close)(uws_websocket_t*, int, const char*, size_t, void*);
  void (*subscription)(uws_websocket_t*, const char*, size_t, int, int, void*);
} uws_socket_behavior_t;

uws_app_t* uws_create_app(int ssl, struct us_socket_context_options_t options);
void uws_app_post(int ssl, uws_app_t*, const char*, void (*)(uws_res_t*, uws_req_t*, void*), void*);
void uws_app_listen_with_config(int ssl,
                                uws_app_t*,
                                uws_app_listen_config_t,
                                void (*)(struct us_listen_socket_t*,
                                         uws_app_listen_config_t,
                                         void*),
                                void*);
void uws_app_run(int ssl, uws_app_t*);
bool uws_publish(int ssl, uws_app_t*, const char*, size_t, const char*, size_t, int, bool compress);
void uws_res_end(int ssl, uws_res_t*, const char*, size_t, bool close_connection);
void uws_res_on_aborted(int ssl, uws_res_t*, void (*)(uws_res_t*, void*), void*);
void uws_res_on_data(int ssl,
                     uws_res_t*,
                     void (*)(uws_res_t*, const char*, size_t, bool is_end, void*),
                     void*);
void uws_res_upgrade(int ssl,
                     uws_res_t*,
                     void* data,
                     const char*,
                     size_t,
                     const char*,
                     size_t,
                     const char*,
                     size_t,
                     uws_socket_context_t*);
size_t uws_req_get_header(uws_req_t*, const char*, size_t, const char** value);
size_t uws_req_get_query(uws_req_t*, const char*, size_t, const char** value);
void uws_ws(int ssl, uws_app_t*, const char*, uws_socket_behavior_t, void*);
void* uws_ws_get_user_data(int ssl, uws_websocket_t*);
bool uws_ws_subscribe(int ssl, uws_websocket_t*, const char*, size_t);

static uws_app_t* app;

typedef struct {
  size_t length;
  char text[topic_max];
} topic_t;

static topic_t* topic_of(uws_req_t* request) {
  const char* id = "";
  const size_t length = uws_req_get_query(request, "id", 2, &id);
  topic_t* topic = malloc(sizeof *topic);
  topic->length = length < topic_max ? length : topic_max;
  memcpy(topic->text, id, topic->length);
  return topic;
}

static void on_upgrade(uws_res_t* response,
                       uws_req_t* request,
                       uws_socket_context_t* context,
                       void* none) {
  (void)none;
  const char *key = "", *protocol = "", *extensions = "";
  const size_t key_length = uws_req_get_header(request, "sec-websocket-key", 17, &key);
  const size_t protocol_length =
      uws_req_get_header(request, "sec-websocket-protocol", 22, &protocol);
  const size_t extensions_length =
      uws_req_get_header(request, "sec-websocket-extensions", 24, &extensions);
  uws_res_upgrade(plain, response, topic_of(request), key, key_length, protocol, protocol_length,
                  extensions, extensions_length, context);
}

static void on_open(uws_websocket_t* socket, void* none) {
  (void)none;
  const topic_t* topic = uws_ws_get_user_data(plain, socket);
  uws_ws_subscribe(plain, socket, topic->text, topic->length);
}

static void on_close(
    uws_websocket_t* socket, int code, const char* text, size_t length, void* none) {
  (void)code, (void)text, (void)length, (void)none;
  free(uws_ws_get_user_data(plain, socket));
}

static void on_message(
    uws_websocket_t* socket, const char* text, size_t length, int code, void* none) {
  (void)socket, (void)text, (void)length, (void)code, (void)none;
}

static void on_aborted(uws_res_t* response, void* topic) {
  (void)response;
  free(topic);
}

/* The bodies of carillon-loadgen come in one piece. */
static void on_body(uws_res_t* response, const char* body, size_t length, bool is_end, void* data) {
  if (!is_end) return;
  topic_t* topic = data;
  uws_publish(plain, app, topic->text, topic->length, body, length, text_frame, false);
  free(topic);
  uws_res_end(plain, response, "ok", 2, false);
}

static void on_publish(uws_res_t* response, uws_req_t* request, void* none) {
  (void)none;
  topic_t* topic = topic_of(request);
  uws_res_on_aborted(plain, response, on_aborted, topic);
  uws_res_on_data(plain, response, on_body, topic);
}

static void on_listening(struct us_listen_socket_t* socket,
                         uws_app_listen_config_t config,
                         void* none) {
  (void)config, (void)none;
  if (socket == NULL) {
    fputs("uwebsockets: can't listen\n", stderr);
    exit(1);
  }
}

int main(int count, char** arguments) {
  if (count != 2) return fputs("usage: uwebsockets PORT\n", stderr), 2;
  app = uws_create_app(plain, (struct us_socket_context_options_t){0});
  uws_app_post(plain, app, "/pub", on_publish, NULL);
  const uws_socket_behavior_t behavior = {.max_payload_length = 1 << 20,
                                          .max_backpressure = 64U << 20,
                                          .send_pings_automatically = true,
                                          .idle_timeout = 120,
                                          .upgrade = on_upgrade,
                                          .open = on_open,
                                          .message = on_message,
                                          .close = on_close};
  uws_ws(plain, app, "/sub", behavior, NULL);
  const uws_app_listen_config_t where = {.port = atoi(arguments[1]), .host = "127.0.0.1"};
  uws_app_listen_with_config(plain, app, where, on_listening, NULL);
  uws_app_run(plain, app);
}
