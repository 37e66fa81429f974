# The page on http://localhost:7860. Build: docker build -t facehub . Run: docker run --rm -p 7860:7860 facehub
FROM python:3.11-slim
RUN useradd --create-home facehub
WORKDIR /home/facehub/app
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
COPY --chown=facehub . .
USER facehub
ENV GRADIO_SERVER_NAME=0.0.0.0 GRADIO_SERVER_PORT=7860
EXPOSE 7860
CMD ["python", "app.py"]
